import * as fs from "node:fs/promises";
import * as path from "node:path";
import { followOf } from "../compression/follow";
import { gainsOf } from "../compression/seen";
import { inputsOf, outputsOf, toRows } from "../methods/rows";
import type { WeightRows } from "../methods/method";
import { findLayers, readWeight, type Layer } from "../onnx/layers";
import { openModelFile } from "./host";

/** The layer that a compressed one was made of, its weights with their {@link gainsOf} and whether its channels' scale is free; or why they are not known. */
export type Original = { layer: Layer; rows: WeightRows; gains: Float64Array; scaleIsFree: boolean } | { missing: { file: string; differs: boolean } };

/** Looks for the original of NAME.small.onnx, NAME.onnx in the same folder, or what was `chosen` as the original: it has the same layer in the same shape, or the linear layer that transforms compute now. */
export async function originalOf(file: string, layer: Layer, chosen?: string): Promise<Original> {
  const place = chosen ?? file.replace(/\.small(?=\.onnx$)/i, ""), wanted = path.basename(place), missing = (differs: boolean): Original => ({ missing: { file: wanted, differs } });
  if (place === file) return { missing: { file: "", differs: false } };
  if (!await fs.access(place).then(() => true, () => false)) return missing(false);
  const opened = await openModelFile(place).catch(() => undefined);
  if (!opened) return missing(true);
  try {
    const same = findLayers(opened.model).find((other) => other.id === layer.id && (layer.chain ? isSameMatrix(other, layer) : other.op === layer.op && other.outputAxis === layer.outputAxis && other.dims.join() === layer.dims.join()));
    const weight = same?.tensor && await readWeight(opened.model, same);
    return weight ? { layer: same, rows: toRows(same, weight), gains: await gainsOf(opened.model, same), scaleIsFree: (await followOf(opened.model, same))?.normalization !== undefined } : missing(true);
  } catch {
    return missing(true); // as unreadable as another model
  } finally {
    await opened.close();
  }
}

/** A linear layer of as many inputs and outputs, whichever way its weight lies. */
export const isSameMatrix = (a: Layer, b: Layer): boolean => !a.convolution && outputsOf(a) === outputsOf(b) && inputsOf(a) === inputsOf(b);
