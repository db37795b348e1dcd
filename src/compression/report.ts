import { findLayers, storedTypeOf, type Layer } from "../onnx/layers";
import { leftOver, originalWeights, type LeftOver } from "../onnx/channels/mark";
import { intsAttribute, type Model, type Node } from "../onnx/model";
import { constantTensor, type ConstantCache } from "../onnx/constants";
import { gridsOf } from "../onnx/grids";
import { bitsOf, isFloatType, readInts, typeName, type Tensor } from "../onnx/tensor";
import { packedBytes } from "../numeric/bits";
import { storedBits } from "../protocol/bits";
import type { LayerReport, SharedCodebook } from "../protocol/report";
import type { Recognised } from "../methods/method";
import { methods } from "../methods/registry";
import { dividedBytes, type Pooled } from "../methods/shares";
import type { FittedLayer } from "./fit";

/**
 * Bits per convolution weight of the original, of all weights where there are no convolutions: of the bytes in the file, divided by {@link dividedBytes}.
 * Plans and reports both say this, of the blank file and of the written one. @param bytes of each layer @param left what is left of layers that had more channels
 */
export function convolutionBits(layers: readonly Layer[], bytes: (layer: Layer) => number, left: ReadonlyMap<string, LeftOver>): number | undefined {
  const convolutions = layers.filter(({ convolution }) => convolution);
  return bitsOver(convolutions.length ? convolutions : layers, bytes, left);
}

function bitsOver(layers: readonly Layer[], bytes: (layer: Layer) => number, left: ReadonlyMap<string, LeftOver>): number | undefined {
  const weights = layers.reduce((sum, layer) => sum + originalWeights(layer, left), 0);
  return weights ? 8 * layers.reduce((sum, layer) => sum + bytes(layer), 0) / weights : undefined;
}

/** Bytes of each layer's weight in a file: all tensors and nodes of its constant subgraph, what several layers share by {@link dividedBytes}. The sum is what the file holds, nothing twice. */
export async function weightBytes(model: Model, layers: readonly Layer[]): Promise<Map<string, number>> {
  const users = new Map<Node | Tensor, Set<Layer>>();
  for (const layer of layers) {
    for (const element of [...layer.subgraph.nodes, ...layer.subgraph.tensors]) users.set(element, (users.get(element) ?? new Set()).add(layer));
  }
  const pools = await poolsOf(model, layers), bytes = dividedBytes([...users].map(([element, users]) => ({ bytes: element.bytes, users, pools: pools.get(element) })));
  return new Map(layers.map((layer) => [layer.id, bytes.get(layer) ?? 0]));
}

/** For everything that ends in Splits: how many of the elements of each of these each layer gets. */
async function poolsOf(model: Model, layers: readonly Layer[]): Promise<Map<Node | Tensor, Set<Pooled<Layer>>>> {
  const splits = new Map<Node, Map<Layer, number>>(), inputsOf = new Map(layers.map((layer) => [layer, new Set(layer.subgraph.nodes.flatMap((node) => node.inputs))])), users = new Map<string, number>();
  for (const inputs of inputsOf.values()) for (const name of inputs) users.set(name, (users.get(name) ?? 0) + 1);
  for (const [layer, inputs] of inputsOf) {
    for (const split of layer.subgraph.nodes.filter(({ op }) => op === "Split")) {
      const lengths = await splitLengths(model, split);
      const taken = split.outputs.reduce((sum, name, i) => sum + (inputs.has(name) ? (lengths?.[i] ?? 1) / users.get(name)! : 0), 0);
      const shares = splits.get(split) ?? new Map<Layer, number>();
      splits.set(split, shares.set(layer, taken));
    }
  }
  const result = new Map<Node | Tensor, Set<Pooled<Layer>>>();
  for (const [split, shares] of splits) {
    // a layer that is computed by nodes of its own splits activations, before which the whole network lies
    const own = new Set<Node | Tensor>([...shares.keys()].flatMap(({ subgraph: { nodes, tensors } }) => [...nodes, ...tensors])), pending: Node[] = [split], seen = new Set<Node>();
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (seen.has(node)) continue; // reached by several ways
      seen.add(node);
      claim(node, shares);
      for (const name of node.inputs) {
        const producer = split.graph.producers.get(name), tensor = split.graph.initializers.get(name);
        if (producer && own.has(producer)) pending.push(producer);
        if (tensor && own.has(tensor)) claim(tensor, shares);
      }
    }
  }
  return result;

  function claim(element: Node | Tensor, shares: Pooled<Layer>): void { result.set(element, (result.get(element) ?? new Set()).add(shares)); }
}

async function splitLengths(model: Model, split: Node): Promise<ArrayLike<number> | undefined> {
  const attribute = intsAttribute(split, "split");
  if (attribute) return attribute;
  const tensor = split.inputs[1] ? constantTensor(split.graph, split.inputs[1]) : undefined;
  return tensor && readInts(model, tensor);
}

export interface FileFigures { layers: LayerReport[]; shared?: SharedCodebook[]; convBitsPerWeight?: number; bitsPerWeight: number }

/** Why a plan leaves a layer as it is: a limit is kept with what pays most for it, a preset weighs what pays at all. */
export const whyLeft = ({ bits, target }: { bits?: number; target?: string }): string =>
  (bits !== undefined ? `${bits} bits per weight are kept without it` : target !== undefined ? `${target} is reached without it` : "nothing smaller pays here");

/** The rows of a report, bytes read off the written file. @param why layers are left where nothing else says it */
export async function layerReports(original: readonly Layer[], fitted: readonly Pick<FittedLayer, "layer" | "sqnrDb">[], written: Model, why: string): Promise<FileFigures> {
  const layers = findLayers(written), bytes = await weightBytes(written, layers);
  const byId = new Map(layers.map((layer) => [layer.id, layer])), done = new Map(fitted.map((f) => [f.layer.id, f]));
  const rows: Row[] = [], cache: ConstantCache = new Map(), left = leftOver(written, layers);
  for (const layer of original) {
    const fit = done.get(layer.id), now = byId.get(layer.id);
    const size = (now && bytes.get(now.id)) ?? layer.bytes, stored = now && await recognised(written, now, cache);
    rows.push({
      name: layer.id, ...(layer.label !== layer.id && { label: layer.label }), op: layer.op, shape: layer.dims, ...sizeOf(layer, size, left, stored?.method),
      ...stored,
      sqnrDb: fit && Number.isFinite(fit.sqnrDb) ? fit.sqnrDb : undefined,
      skipped: fit ? undefined : layer.blocked ?? `${left.has(layer.id) ? "Floats with fewer channels" : "Left as it is"}: ${why}.`,
    });
  }
  return { ...withSharers(rows), ...figures(layers, bytes, left) };
}

/** Bytes and bits per weight of a layer, beside the shape that it had where it has lost channels. */
function sizeOf(layer: Layer, bytes: number, left: ReadonlyMap<string, LeftOver>, method: string | undefined): Pick<LayerReport, "bytes" | "bitsPerWeight" | "originalShape"> {
  const weights = originalWeights(layer, left), known = left.get(layer.id);
  return { bytes: Math.round(bytes), bitsPerWeight: storedBits({ bitsPerWeight: weights ? 8 * bytes / weights : 0, method }, bitsOf(layer.type)), ...(known && { originalShape: [...known.dims] }) };
}

/** The rows of `inspect`: what the file alone tells. */
export async function inspectLayers(model: Model): Promise<FileFigures & { found: Layer[] }> {
  const found = findLayers(model), bytes = await weightBytes(model, found);
  const rows: Row[] = [], cache: ConstantCache = new Map(), left = leftOver(model, found);
  for (const layer of found) {
    const size = bytes.get(layer.id) ?? layer.bytes, stored = await recognised(model, layer, cache), grids = await gridsOf(model, layer);
    rows.push({ name: layer.id, op: layer.op, shape: layer.dims, ...sizeOf(layer, size, left, stored?.method), ...stored ?? { skipped: layer.blocked }, ...(grids ? { grids } : !stored && { storedType: castFrom(layer) }) });
  }
  // rounded activations tell a network of integers from one whose weights alone are stored as such; who rounds biases, too, leaves those of layers on floats
  const rounded = rows.filter(({ grids }) => grids?.input), roundsBiases = rounded.some(({ grids }) => grids!.bias === "integers");
  if (rounded.length) for (const row of rows) if (!row.grids?.input || row.grids.guarded || roundsBiases && row.grids.bias === "floats") row.staysFloat = true;
  return { ...withSharers(rows), found, ...figures(found, bytes, left) };
}

/** What a layer's floats are cast from. */
function castFrom(layer: Layer): string | undefined {
  const type = storedTypeOf(layer);
  return type !== undefined && type !== layer.type && isFloatType(type) ? typeName(type) : undefined;
}

/** A row of a report, and where its codebook lies. */
type Row = LayerReport & Pick<Recognised, "book">;

/** Says which layers have a codebook in common, and what that saves. */
function withSharers(rows: readonly Row[]): Pick<FileFigures, "layers" | "shared"> {
  const books = new Map<string, Row[]>();
  for (const row of rows) if (row.book !== undefined) books.set(row.book, [...books.get(row.book) ?? [], row]);
  const layers = rows.map(({ book, ...row }) => {
    const others = (books.get(book ?? "") ?? []).filter(({ name }) => name !== row.name);
    return others.length ? { ...row, sharedWith: others.map(({ name }) => name) } : row;
  });
  const shared = [...books.values()].filter(({ length }) => length > 1).map((some): SharedCodebook => {
    const [{ codewords = 0, blockSize = 0, codebookBits = 0 }] = some;
    return { layers: some.map(({ name }) => name), codewords, blockSize, savedBytes: (some.length - 1) * packedBytes(codewords * blockSize, codebookBits) };
  });
  return { layers, ...(shared.length && { shared }) };
}

function figures(layers: readonly Layer[], bytes: Map<string, number>, left: ReadonlyMap<string, LeftOver>): { convBitsPerWeight?: number; bitsPerWeight: number } {
  const own = ({ id }: Layer): number => bytes.get(id) ?? 0;
  return { convBitsPerWeight: layers.some(({ convolution }) => convolution) ? convolutionBits(layers, own, left) : undefined, bitsPerWeight: bitsOver(layers, own, left) ?? 0 };
}

async function recognised(model: Model, layer: Layer, cache: ConstantCache): Promise<Partial<Row> | undefined> {
  for (const method of methods) {
    const found = await method.recognise(model, layer, { cache, indices: false });
    if (found) return { method: found.method, codewords: found.codewords, blockSize: found.blockSize, indexBits: found.indexBits, codebookBits: found.codebookBits, density: found.density, book: found.book, wavelet: found.wavelet };
  }
  return undefined;
}

/** Bytes that a runtime holds once everything is unpacked: layer weights in their own type or, for integer kernels, as bytes; all other constants as they are. */
export function loadedWeightBytes(written: Model, original: readonly Layer[]): number {
  const sizeOf = (count: number, type: number) => Math.ceil(count * bitsOf(type) / 8);
  const layers = findLayers(written), inside = new Set(layers.flatMap(({ subgraph }) => subgraph.tensors));
  const whole = new Set(layers.filter(({ graph, weight }) => graph.producers.get(weight)?.op === "DequantizeLinear").map(({ id }) => id));
  const chained = new Map(layers.flatMap(({ id, chain }) => (chain ? [[id, chain.tensors.reduce((sum, { count }) => sum + count, 0)]] : [])));
  let bytes = original.reduce((sum, { id, parameters, type }) => sum + (whole.has(id) ? parameters : sizeOf(chained.get(id) ?? parameters, type)), 0);
  for (const tensor of written.graph.initializerList) if (!inside.has(tensor)) bytes += sizeOf(tensor.count, tensor.type);
  return bytes;
}
