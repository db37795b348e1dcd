import type { OpenedModel } from "../compression/host";
import { embeddedRecipe, type Recipe } from "../compression/recipe";
import { loadedWeightBytes } from "../compression/report";
import { channelFactors, gainsOf, relativeGains, sqnr, withFactors } from "../compression/seen";
import { storedRows } from "../methods/wavelet-recognise";
import { fromRows, kernelSize, scaleRows, toRows } from "../methods/rows";
import { summarise } from "../numeric/statistics";
import { leftOver, spreadRows } from "../onnx/channels/mark";
import { readWeight, type Layer } from "../onnx/layers";
import type { Histogram, LayerRow } from "../protocol/api";
import type { ComparedLayer, ComparedWeights, FileSizes } from "../protocol/compare";
import type { Model } from "../onnx/model";
import { digestFile } from "../runtime/node";
import { matricesOf } from "./matrix";
import { isSameMatrix } from "./original";

/** A model as the viewing process has it. */
export interface SideOf { opened: OpenedModel; layers: readonly Layer[]; rows: readonly LayerRow[] }

const BINS = 64;

/** Layers of both models beside each other, in the original's order. */
export function comparedLayers(original: SideOf, compressed: SideOf): ComparedLayer[] {
  const others = new Map(compressed.rows.map((row) => [row.name, row])), recipe = embeddedRecipe(compressed.opened.model);
  const joined = original.rows.map((before): ComparedLayer => {
    const after = others.get(before.name);
    others.delete(before.name);
    return { id: before.name, label: before.label, before, after, skipped: after && whyLeft(before, after, recipe) };
  });
  return [...joined, ...[...others.values()].map((after): ComparedLayer => ({ id: after.name, label: after.label, after }))];
}

/** Why a layer is as it was, if it is; nothing is said of files that nobody compressed. */
function whyLeft(before: LayerRow, after: LayerRow, recipe: Recipe | undefined): string | undefined {
  if (before.method !== after.method || before.codewords !== after.codewords || before.dataType !== after.dataType || before.bytes !== after.bytes) return undefined;
  if (before.skipped !== undefined) return before.skipped;
  if (!recipe) return undefined;
  return recipe.layers?.[before.name]?.pin === "leave" ? "The recipe leaves it alone." : "Nothing smaller pays here.";
}

/** Size on disk, as gzip would send it, and unpacked in a runtime's memory. */
export async function sizesOf({ opened: { files, model }, layers }: SideOf): Promise<FileSizes> {
  const sizes: FileSizes = { bytes: 0, gzipBytes: 0, loadedWeightBytes: loadedWeightBytes(model, layers) };
  for (const file of files) {
    const { bytes, gzipBytes } = await digestFile(file);
    sizes.bytes += bytes;
    sizes.gzipBytes += gzipBytes;
  }
  return sizes;
}

/** Signal to noise in dB from which two weights are the same but for the rounding of float32. */
const SAME = 120;

/** The weights of one layer in both models, and the kernels that are largest in the original. */
export async function comparedWeights(original: SideOf, compressed: SideOf, id: string, count: number): Promise<ComparedWeights | undefined> {
  const [layer, other] = [original, compressed].map(({ layers }) => layers.find((one) => one.id === id));
  const left = other && !other.chain ? leftOver(compressed.opened.model, compressed.layers).get(id) : undefined;
  if (!layer?.dims.length || !other || !(other.chain ? isSameMatrix(layer, other) : layer.dims.join() === (left?.dims ?? other.dims).join())) return undefined;
  const before = await readWeight(original.opened.model, layer), stored = await storedRowsOf(compressed.opened.model, other);
  // channels that are gone have weights of zero
  const kept = stored && left ? spreadRows(left, layer.outputAxis, stored) : stored;
  if (!before?.length || kept?.length !== before.length) return undefined;
  const rows = toRows(layer, before), own = await gainsOf(compressed.opened.model, other), whole = await gainsOf(original.opened.model, layer);
  const gains = relativeGains(kept, left?.outputs ? whole.map((gain, m) => own[left.outputs!.indexOf(m)] ?? gain) : own, rows.values, whole);
  const scaled = scaleRows(kept, gains), isInteger = embeddedRecipe(compressed.opened.model)?.inference === "integer";
  const seen = isInteger ? withFactors(layer, scaled, channelFactors(layer, rows.values, scaled)) : scaled, after = fromRows(layer, seen), sqnrDb = sqnr(rows.values, seen), size = kernelSize(layer), [height, width] = size === 1 ? [1, 1] : [size / layer.dims[layer.dims.length - 1], layer.dims[layer.dims.length - 1]];
  const norms = new Float64Array(before.length / size);
  before.forEach((v, i) => { norms[Math.floor(i / size)] += v * v; });
  const order = Uint32Array.from(norms.keys()).sort((a, b) => norms[b] - norms[a] || a - b).slice(0, count), pick = (values: Float32Array) => {
    const picked = new Float32Array(order.length * size);
    order.forEach((kernel, i) => picked.set(values.subarray(kernel * size, (kernel + 1) * size), i * size));
    return picked;
  };
  const { statistics: { absP995, min, max } } = summarise(rows), low = Math.min(min, least(after)), high = Math.max(max, -least(after.map((v) => -v)));
  return {
    sqnrDb: sqnrDb < SAME ? sqnrDb : undefined, total: norms.length, height, width, order, before: pick(before), after: pick(after), absP995, matrix: size === 1 && count > 0 ? matricesOf(rows.values, seen, rows.outputs, rows.inputs) : undefined,
    histograms: { before: histogram(before, low, high), after: histogram(after, low, high) },
  };
}

/** A layer's rows as its file has them; the matrix that transforms stand for. */
async function storedRowsOf(model: Model, layer: Layer): Promise<Float32Array | undefined> {
  if (layer.chain) return storedRows(model, layer);
  const weight = await readWeight(model, layer);
  return weight && toRows(layer, weight).values;
}

const least = (values: Float32Array): number => values.reduce((a, b) => Math.min(a, b), Infinity);

function histogram(values: Float32Array, min: number, max: number): Histogram {
  const counts = new Array<number>(BINS).fill(0), width = max - min || 1;
  for (const v of values) if (Number.isFinite(v)) counts[Math.min(BINS - 1, Math.floor((v - min) / width * BINS))]++;
  return { min, max, counts };
}
