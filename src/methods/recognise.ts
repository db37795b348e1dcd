import { bitsFor } from "../numeric/bits";
import { evaluateConstant } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import type { Model, Node } from "../onnx/model";
import type { Recognised, RecogniseOptions } from "./method";

/** Reads compressed weights back from the structure of a file, ours or anyone's with the same nodes: no metadata needed. */

/** Nodes between a packed core and the weight: they change layout and scale only. */
const FINISHING = new Set(["Cast", "Transpose", "Mul", "Reshape", "Identity"]);

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

/** Gather(codebook [K, d], indices) above the weight. */
export async function recogniseCodebook(model: Model, layer: Layer, { cache, indices = true }: RecogniseOptions = {}): Promise<Recognised | undefined> {
  const gather = core(layer);
  if (gather?.op !== "Gather") return undefined;
  const book = await evaluateConstant(model, layer.graph, gather.inputs[0], cache);
  if (!book || book.dims.length < 1) return undefined;
  const words = book.dims[0], blockSize = book.dims.slice(1).reduce((a, b) => a * b, 1), codebook = Float32Array.from(book.data, Number);
  const found: Recognised = { method: "kernel", codewords: words, blockSize, indexBits: bitsFor(words), codebookBits: valueBits(codebook), codebook };
  if (!indices) return layer.parameters % blockSize === 0 ? found : undefined;
  const index = await evaluateConstant(model, layer.graph, gather.inputs[1], cache);
  return index && blockSize * index.data.length === layer.parameters ? { ...found, index: Int32Array.from(index.data, Number) } : undefined;
}

/** Integers times a scale above the weight. */
export async function recogniseInteger(model: Model, layer: Layer, { cache, indices = true }: RecogniseOptions = {}): Promise<Recognised | undefined> {
  const split = core(layer);
  if (!split || !["Split", "Sub"].includes(split.op)) return undefined;
  const piece = layer.subgraph.nodes.find((node) => node.op === "Reshape" && node.inputs[0] && split.outputs.includes(node.inputs[0]));
  const centred = split.op === "Sub" ? split : layer.graph.producers.get(split.inputs[0]);
  const zero = piece && !indices && centred?.op === "Sub" ? await evaluateConstant(model, layer.graph, centred.inputs[1], cache) : undefined;
  if (zero?.data.length === 1) return { method: "integer", codebookBits: bitsFor(Number(zero.data[0])) + 1 };
  const codes = piece && await evaluateConstant(model, layer.graph, piece.inputs[0], cache);
  if (!codes) return undefined;
  return { method: "integer", codebookBits: valueBits(Float32Array.from(codes.data, Number)) };
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
