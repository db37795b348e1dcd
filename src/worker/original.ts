import * as fs from "node:fs/promises";
import * as path from "node:path";
import { followOf } from "../compression/follow";
import { gainsOf } from "../compression/seen";
import { inputsOf, outputsOf, toRows } from "../methods/rows";
import type { WeightRows } from "../methods/method";
import { spreadRows, type LeftOver } from "../onnx/channels/mark";
import { findLayers, readWeight, type Layer } from "../onnx/layers";
import { openModelFile } from "./host";

/** The layer that a compressed one was made of, its weights with their {@link gainsOf} and whether its channels' scale is free; or why they are not known. */
export type Original = { layer: Layer; rows: WeightRows; gains: Float64Array; scaleIsFree: boolean } | { missing: { file: string; differs: boolean } };

/**
 * Looks for the original of NAME.small.onnx, NAME.onnx in the same folder, or what was `chosen` as the original: it has the same layer in the same shape.
 * @param left what is left of the original's layer, where it has lost channels: it is given without these
 */
export async function originalOf(file: string, layer: Layer, chosen?: string, left?: LeftOver): Promise<Original> {
  const place = chosen ?? file.replace(/\.small(?=\.onnx$)/i, ""), wanted = path.basename(place), missing = (differs: boolean): Original => ({ missing: { file: wanted, differs } });
  if (place === file) return { missing: { file: "", differs: false } };
  if (!await fs.access(place).then(() => true, () => false)) return missing(false);
  const opened = await openModelFile(place).catch(() => undefined);
  if (!opened) return missing(true);
  try {
    const same = findLayers(opened.model).find(({ id, op, dims, outputAxis }) => id === layer.id && op === layer.op && outputAxis === layer.outputAxis && dims.join() === (left?.dims ?? layer.dims).join());
    const weight = same?.tensor && await readWeight(opened.model, same);
    const rows = weight && toRows(same, weight), gains = same && await gainsOf(opened.model, same), cut = left && same && { ...same, dims: layer.dims, parameters: layer.parameters, bytes: same.bytes * layer.parameters / same.parameters };
    return same && rows && gains ? { layer: cut ?? same, rows: left ? { values: spreadRows(left, same.outputAxis, rows.values, "cut"), outputs: outputsOf(layer), inputs: inputsOf(layer) } : rows, gains: left?.outputs ? Float64Array.from(left.outputs, (m) => gains[m]) : gains, scaleIsFree: (await followOf(opened.model, same))?.normalization !== undefined } : missing(true);
  } catch {
    return missing(true); // as unreadable as another model
  } finally {
    await opened.close();
  }
}
