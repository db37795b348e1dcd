import type { OpenedModel } from "../compression/host";
import { embeddedRecipe, type Recipe } from "../compression/recipe";
import { loadedWeightBytes, whyLeft } from "../compression/report";
import { channelFactors, gainsOf, relativeGains, sqnr, withFactors } from "../compression/seen";
import { storedRows } from "../methods/wavelet-recognise";
import { fromRows, kernelSize, scaleRows, toRows } from "../methods/rows";
import { summarise } from "../numeric/statistics";
import { spreadRows, type LeftOver } from "../onnx/channels/mark";
import { readWeight, type Layer } from "../onnx/layers";
import type { Histogram, LayerRow } from "../protocol/api";
import type { ComparedLayer, ComparedModels, ComparedNode, ComparedWeights, FileSizes, Incomparable, Resized } from "../protocol/compare";
import { matchModels, type ModelMatch } from "../onnx/match/match";
import { SUMS } from "../onnx/grids";
import type { Model, Node } from "../onnx/model";
import { digestFile } from "../runtime/node";
import { isPruned, leftChannels } from "./left-channels";
import { matricesOf } from "./matrix";
import { isSameMatrix } from "./original";

/** A model as the viewing process has it. */
export interface SideOf { opened: OpenedModel; layers: readonly Layer[]; rows: readonly LayerRow[] }

const BINS = 64;
/** They compute nothing that a layer's weights could hold. */
const MOVING = new Set(["Identity", "Dropout", "Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"]);

/** Two models, what stands for what in them, and the layers as rows. `left`: which channels of the original are left in the other one's layers, by their identity there. */
export interface PairOf { original: SideOf; compressed: SideOf; match: ModelMatch; rows: ComparedLayer[]; left(): Promise<ReadonlyMap<string, LeftOver>> }

/** Matches two models and puts their layers beside each other: in the original's order, and what only the other has behind what it follows there. */
export async function pairedLayers(original: SideOf, compressed: SideOf): Promise<PairOf> {
  const [before, after] = [original, compressed].map(({ opened: { model }, layers }) => ({ model, layers })), match = await matchModels(before, after), recipe = embeddedRecipe(after.model);
  const rowOf = (side: SideOf): Map<Layer, LayerRow> => new Map(side.layers.map((layer, i) => [layer, side.rows[i]])), [befores, afters] = [rowOf(original), rowOf(compressed)];
  const folded = [foldedInto(original.layers, match.folded.after), foldedInto(compressed.layers, match.folded.before)];
  const joined = original.layers.map((layer): ComparedLayer => {
    const own = befores.get(layer)!, other = match.layers.get(layer), row = other && afters.get(other), ops = folded[0].get(layer) ?? (other && folded[1].get(other));
    return { id: own.name, label: own.label, before: own, after: row, skipped: row && whySame(own, row, recipe), ...(other && { resized: resizedOf(layer, other) }), ...(ops && { folded: { ops, into: folded[0].has(layer) ? "before" : "after" } }) };
  });
  const partners = new Map([...match.layers].map(([layer, other]) => [other, befores.get(layer)!.name])), names = new Set(joined.map(({ id }) => id)), behind = new Map<string | undefined, ComparedLayer[]>();
  let last = match.layers.size ? undefined : joined[joined.length - 1]?.id;
  for (const layer of compressed.layers) {
    const row = afters.get(layer)!, partner = partners.get(layer), added: ComparedLayer = { id: names.has(row.name) ? `${row.name} (added)` : row.name, label: row.label, after: row };
    if (partner === undefined) behind.set(last, [...behind.get(last) ?? [], added]);
    else last = partner;
  }
  const rows = [...behind.get(undefined) ?? [], ...joined.flatMap((row) => [row, ...behind.get(row.id) ?? []])];
  let left: Promise<ReadonlyMap<string, LeftOver>> | undefined;
  return { original, compressed, match, rows, left: () => left ??= leftChannels(original, compressed, match.layers, (side, layer) => storedRowsOf((side === "original" ? original : compressed).opened.model, layer)) };
}

/** Nodes that are no layers and that one model alone has. */
export function otherNodes({ match: { alone }, original, compressed }: PairOf): ComparedModels["nodes"] {
  const some = (nodes: readonly Node[], { layers }: SideOf): ComparedNode[] => {
    const ofLayers = new Set(layers.flatMap(({ consumers, subgraph }) => [...consumers, ...subgraph.nodes]));
    return nodes.filter((node) => !ofLayers.has(node)).map(({ op, name, outputs }) => ({ op, name: name || outputs[0] || op }));
  };
  return { added: some(alone.after, compressed), removed: some(alone.before, original) };
}

/** Normalizations, scales and activations that layers of one model do for nodes of the other. */
function foldedInto(layers: readonly Layer[], folded: ReadonlyMap<Node, Node>): Map<Layer, string[]> {
  const layerOf = new Map(layers.flatMap((layer) => layer.consumers.map((node) => [node, layer] as const))), found = new Map<Layer, string[]>();
  for (const [node, into] of folded) {
    const layer = layerOf.get(into);
    if (layer && !MOVING.has(node.op) && !makesFloats(node)) found.set(layer, [...found.get(layer) ?? [], node.op]);
  }
  return found;
}

/** Whether a node is what makes floats of an operator's plain sums of integers: a product with scales, and a bias. */
function makesFloats({ op, graph, inputs }: Node): boolean {
  if (op !== "Mul" && op !== "Add") return false;
  return inputs.some((name) => {
    const maker = graph.producers.get(name), sums = maker?.op === "Cast" ? graph.producers.get(maker.inputs[0])?.op : undefined;
    return SUMS.has(sums ?? "") || (op === "Add" && maker?.op === "Mul" && makesFloats(maker));
  });
}

function resizedOf(before: Layer, after: Layer): Resized | undefined {
  if (before.dims.length < 2 || after.dims.length < 2) return undefined;
  const side = ({ dims, outputAxis }: Layer, axis: 0 | 1): number => dims[axis ? 1 - outputAxis : outputAxis], kernel = ({ dims }: Layer): string => dims.slice(2).join("×"), resized: Resized = {};
  if (side(before, 0) !== side(after, 0)) resized.outputs = [side(before, 0), side(after, 0)];
  if (side(before, 1) !== side(after, 1)) resized.inputs = [side(before, 1), side(after, 1)];
  if (kernel(before) !== kernel(after)) resized.kernel = [kernel(before), kernel(after)];
  return Object.keys(resized).length ? resized : undefined;
}

/** Why a layer is as it was, if it is; nothing is said of files that nobody compressed. */
function whySame(before: LayerRow, after: LayerRow, recipe: Recipe | undefined): string | undefined {
  if (after.staysFloat && !before.staysFloat && before.method === undefined && after.method === undefined && before.dataType === after.dataType) return "It stays float beside layers on integers.";
  if (before.method !== after.method || before.codewords !== after.codewords || before.dataType !== after.dataType || before.bytes !== after.bytes) return undefined;
  if (before.skipped !== undefined) return before.skipped;
  if (!recipe) return undefined;
  return recipe.layers?.[after.name]?.pin === "leave" ? "The recipe leaves it alone." : `Left: ${whyLeft(recipe)}.`;
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

/** The weights of one layer in both models, and the kernels that are largest in the original, but for the `first` ones; or why they are not held against each other. */
export async function comparedWeights({ original, compressed, match, rows: pairs, left: leftIn }: PairOf, id: string, count: number, first = 0): Promise<ComparedWeights | Incomparable> {
  const row = pairs.find((one) => one.id === id), layer = row?.before && original.layers.find((one) => one.id === row.before?.name), other = layer && match.layers.get(layer);
  if (!layer || !other) return "alone";
  const left = other.chain ? undefined : (await leftIn()).get(other.id);
  if (!layer.dims.length) return "computed";
  if (!(other.chain ? isSameMatrix(layer, other) : layer.dims.join() === (left?.dims ?? other.dims).join())) return isPruned(layer, other) ? "channels" : "shape";
  const before = await readWeight(original.opened.model, layer), stored = await storedRowsOf(compressed.opened.model, other);
  // channels that are gone have weights of zero
  const kept = stored && left ? spreadRows(left, layer.outputAxis, stored) : stored;
  if (!before?.length || kept?.length !== before.length) return "computed";
  const rows = toRows(layer, before), own = await gainsOf(compressed.opened.model, other), whole = await gainsOf(original.opened.model, layer);
  const gains = relativeGains(kept, left?.outputs ? whole.map((gain, m) => own[left.outputs!.indexOf(m)] ?? gain) : own, rows.values, whole);
  const scaled = scaleRows(kept, gains), isInteger = embeddedRecipe(compressed.opened.model)?.inference === "integer";
  const seen = isInteger ? withFactors(layer, scaled, channelFactors(layer, rows.values, scaled)) : scaled, after = fromRows(layer, seen), size = kernelSize(layer), [height, width] = size === 1 ? [1, 1] : [size / layer.dims[layer.dims.length - 1], layer.dims[layer.dims.length - 1]];
  // what is gone is no noise of what is left
  const cut = (values: Float32Array): Float32Array => (left ? spreadRows(left, layer.outputAxis, values, "cut") : values), sqnrDb = sqnr(cut(rows.values), cut(seen));
  const norms = new Float64Array(before.length / size);
  before.forEach((v, i) => { norms[Math.floor(i / size)] += v * v; });
  const order = Uint32Array.from(norms.keys()).sort((a, b) => norms[b] - norms[a] || a - b).slice(first, first + count), pick = (values: Float32Array) => {
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
