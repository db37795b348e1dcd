import { bitsFor } from "../numeric/bits";
import { evaluateConstant, homeOf, type ConstantCache } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import type { Model, Node } from "../onnx/model";
import type { NumberArray } from "../onnx/tensor";
import type { Recognised, RecogniseOptions } from "./method";

/** Reads compressed weights back from the structure of a file, ours or anyone's with the same nodes: no metadata needed. */

/** Nodes between a packed core and the weight: they change layout and scale only. */
const FINISHING = new Set(["Cast", "Transpose", "Mul", "Reshape", "Identity", "DequantizeLinear"]);

/** The first node above the weight that is no finishing step, and whether one lies between. */
function core(layer: Layer): Node | undefined {
  let node = layer.graph.producers.get(layer.weight);
  while (node && FINISHING.has(node.op)) {
    const next = layer.graph.producers.get(node.inputs[0]);
    if (!next) return undefined;
    node = next;
  }
  return node;
}

/** Gather(codebook [K, …], indices) above the weight. Codewords that lie as rows [K, 1, d] are those of product quantization: a kernel's first axis is never 1. */
export async function recogniseCodebook(model: Model, layer: Layer, { cache, indices = true }: RecogniseOptions = {}): Promise<Recognised | undefined> {
  const gather = core(layer);
  if (gather?.op !== "Gather" || placesOf(gather)) return undefined;
  const book = await evaluateConstant(model, layer.graph, gather.inputs[0], cache);
  if (!book || book.dims.length < 1) return undefined;
  const zero = await zeroOf(model, layer, cache), words = book.dims[0], blockSize = book.dims.slice(1).reduce((a, b) => a * b, 1), codebook = lessZero(book.data, zero);
  const method = book.dims.length === 3 && book.dims[1] === 1 ? "product" : "kernel";
  const found: Recognised = { method, codewords: words, blockSize, indexBits: bitsFor(words), codebookBits: valueBits(codebook) ?? await steppedBits(model, layer, gather.inputs[0], cache), codebook, book: bookOf(layer, gather.inputs[0]) };
  if (!indices) return layer.parameters % blockSize === 0 ? found : undefined;
  const index = await evaluateConstant(model, layer.graph, gather.inputs[1], cache);
  return index && blockSize * index.data.length === layer.parameters ? { ...found, index: Int32Array.from(index.data, Number) } : undefined;
}

/** The node that counts the weights that are there, where a Gather takes those and zero for all others. */
function placesOf({ graph, inputs: [, places] }: Node): Node | undefined {
  const product = graph.producers.get(places), sums = product?.op === "Mul" ? graph.producers.get(product.inputs[0]) : undefined;
  return sums?.op === "CumSum" ? sums : undefined;
}

/** Gather([0, values or blocks …], running count · mask) above the weight. */
export async function recogniseSparse(model: Model, layer: Layer, { cache }: RecogniseOptions = {}): Promise<Recognised | undefined> {
  const gather = core(layer);
  if (gather?.op !== "Gather" || !placesOf(gather)) return undefined;
  const values = await evaluateConstant(model, layer.graph, gather.inputs[0], cache);
  if (!values || values.dims.length < 1 || values.dims.length > 2) return undefined;
  const zero = await zeroOf(model, layer, cache), [, block = 1] = values.dims;
  return { method: "sparse", ...(block > 1 && { blockSize: block }), codebookBits: valueBits(lessZero(values.data, zero)), density: (values.data.length - block) / layer.parameters };
}

/** The integer that stands for 0 where the weight is one for integer kernels. */
async function zeroOf(model: Model, layer: Layer, cache?: ConstantCache): Promise<number> {
  const last = layer.graph.producers.get(layer.weight), zero = last?.op === "DequantizeLinear" && last.inputs[2] ? await evaluateConstant(model, layer.graph, last.inputs[2], cache) : undefined;
  return zero ? Number(zero.data[0]) : 0;
}

/** Where the values of a codebook come from: what it has for itself is its shape, and a factor. */
function bookOf({ graph }: Layer, name: string): string {
  for (;;) {
    const home = homeOf(graph, name), node = home?.producers.get(name);
    if (!home || (node?.op !== "Reshape" && node?.op !== "Mul")) return `${home?.path ?? ""}/${name}`;
    [graph, name] = [home, node.inputs[0]];
  }
}

/** Bits of a codebook that has its step with it: integers times one factor. */
async function steppedBits(model: Model, layer: Layer, book: string, cache?: ConstantCache): Promise<number | undefined> {
  let node = layer.graph.producers.get(book);
  if (node?.op === "Reshape") node = layer.graph.producers.get(node.inputs[0]);
  const codes = node?.op === "Mul" ? await evaluateConstant(model, layer.graph, node.inputs[0], cache) : undefined;
  return codes && valueBits(Float32Array.from(codes.data, Number));
}

/** Integers in the shape of the weight, times a scale. */
export async function recogniseInteger(model: Model, layer: Layer, { cache }: RecogniseOptions = {}): Promise<Recognised | undefined> {
  const gather = core(layer);
  if (gather?.op === "Gather" && placesOf(gather)) return undefined; // zeros among them take no bits of their own
  let shaped: Node | undefined;
  for (let node = layer.graph.producers.get(layer.weight); node && FINISHING.has(node.op); node = layer.graph.producers.get(node.inputs[0])) if (node.op === "Reshape") shaped = node;
  const codes = shaped && await evaluateConstant(model, layer.graph, shaped.inputs[0], cache);
  const zero = await zeroOf(model, layer, cache);
  const codebookBits = codes && codes.data.length === layer.parameters ? valueBits(lessZero(codes.data, zero)) : undefined;
  return codebookBits !== undefined && codebookBits <= 8 ? { method: "integer", codebookBits } : undefined;
}

/** Values as what they are above the one that stands for 0. */
function lessZero(values: NumberArray, zero: number): Float32Array {
  if (values instanceof Float32Array && zero === 0) return values;
  const less = new Float32Array(values.length);
  for (let i = 0; i < less.length; i++) less[i] = Number(values[i]) - zero;
  return less;
}

/** Bits of the symmetric integer grid that holds these values; undefined for values that are no integers. */
function valueBits(values: Float32Array): number | undefined {
  let peak = 1;
  for (const v of values) {
    if (!Number.isInteger(v)) return undefined;
    peak = Math.max(peak, Math.abs(v));
  }
  return bitsFor(peak + 1) + 1;
}
