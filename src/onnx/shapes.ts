import { type ConstantValue, isBig, NotConstant } from "./arrays";
import { constantTensor, homeOf } from "./constants";
import { type Graph, isStandardDomain, type Model, type Node } from "./model";
import type { Layer } from "./layers";
import { OPERATORS } from "./operators";
import { type Dim, type Facts, MOST_VALUES, outputsOf, type Shape } from "./shape-rules";
import { DataType, isFloatType } from "./tensor";

export type { Dim, Facts, Shape } from "./shape-rules";

/**
 * Shapes of all values, as far as they follow from the inputs, for the usual operators of convolutional networks. A dimension that is not known is "?",
 * one that the caller chooses has its symbolic name, so that a batch axis stays one. A size that the file itself gives a value goes before what is inferred.
 * Names of bodies appear unless the main graph has them too.
 */
export function inferShapes(model: Model, facts = inferFacts(model)): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const known of facts.values()) for (const [name, { shape }] of known) if (shape && name && !shapes.has(name)) shapes.set(name, shape);
  return shapes;
}

/**
 * What {@link inferShapes} tells, by graph, with the elements of small values.
 * @param fixed sizes of inputs of the main graph, and of constants that are none; with them the shapes that the file declares of other values are not believed
 */
export function inferFacts(model: Model, fixed?: ReadonlyMap<string, readonly number[]>): Map<Graph, Map<string, Facts>> {
  const facts = new Map<Graph, Map<string, Facts>>();
  for (const graph of model.graphs) {
    const known = new Map<string, Facts>();
    facts.set(graph, known);
    const find = (name: string): Facts => {
      const home = homeOf(graph, name), found = home && facts.get(home)?.get(name);
      if (found) return found;
      const tensor = home?.initializers.get(name) ?? constantTensor(graph, name);
      return tensor ? { shape: tensor.dims, values: tensor.values, isFloat: isFloatType(tensor.type) } : {};
    };
    for (const { name, shape } of graph.inputs) known.set(name, { shape: fixed?.get(name) ?? shape });
    for (const [name, { dims }] of graph.sparseInitializers) known.set(name, { shape: dims });
    for (const [name, { dims, values, type }] of graph.initializers) known.set(name, { shape: dims, values: graph.overridable.has(name) || fixed?.has(name) ? undefined : values, isFloat: isFloatType(type) });
    const declared = new Map<string, Shape | undefined>();
    if (!fixed) for (const { name, shape } of [...graph.outputs, ...graph.valueInfo.values()]) declared.set(name, shape);
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((name) => (name ? find(name) : {})), standard = isStandardDomain(node.domain);
      const outputs = standard ? computed(node, inputs, model.opset) ?? outputsOf(node, inputs, model.opset) : [];
      node.outputs.forEach((name, i) => known.set(name, { ...outputs[i], shape: merge(declared.get(name), outputs[i]?.shape) }));
    }
  }
  return facts;
}

/** Facts of outputs whose inputs are all known small numbers: shape arithmetic of any rank. */
function computed(node: Node, inputs: readonly Facts[], opset: number): Facts[] | undefined {
  const operator = OPERATORS.get(node.op), values: (ConstantValue | undefined)[] = [];
  if (!operator || !inputs.length) return undefined;
  for (const [i, { shape, values: elements, isFloat }] of inputs.entries()) {
    if (node.inputs[i] && !(shape?.every(isNumber) && elements?.every(isNumber))) return undefined;
    const numbers = elements?.map(Number) ?? [];
    // the largest integers say "to the end" and lose nothing by being smaller
    const data = isFloat ? Float32Array.from(numbers) : BigInt64Array.from(numbers, (value) => BigInt(Math.trunc(Math.min(Math.max(value, -LARGE), LARGE))));
    values.push(node.inputs[i] ? { dims: shape?.map(Number) ?? [], type: isFloat ? DataType.FLOAT : DataType.INT64, data } : undefined);
  }
  try {
    const results = operator(values, node, opset);
    return results.every(({ data }) => data.length <= MOST_VALUES) ? results.map(({ dims, type, data }) => ({ shape: dims, values: isBig(data) && !data.every(isExact) ? undefined : Array.from<number | bigint, number>(data, Number), isFloat: isFloatType(type) })) : undefined;
  } catch (error) {
    if (error instanceof NotConstant) return undefined;
    throw error;
  }
}

const LARGE = 2 ** 62;
/** What further arithmetic on numbers does not spoil, or what says "to the end". */
const isExact = (value: bigint): boolean => Number.isSafeInteger(Number(value)) || value >= BigInt(LARGE) || -value >= BigInt(LARGE);
const isNumber = (dim: Dim): dim is number => typeof dim === "number";

/** The declared shape; where it leaves a dimension open, or has a name for it that some exporter made up, the inferred one. */
function merge(declared: Shape | undefined, inferred: Shape | undefined): Shape | undefined {
  if (!declared) return inferred;
  return declared.map((dim, axis) => (isNumber(dim) || inferred?.length !== declared.length || inferred[axis] === "?" ? dim : inferred[axis]));
}

/**
 * Multiply-accumulates of a layer for one sample: what the first axis of its input, taken for the batch, has once. All of its consumers together.
 * Undefined where a size is not known, or where other nodes than a product with its weight compute it.
 */
export function macs(layer: Layer, shapes: ReadonlyMap<string, Shape>): number | undefined {
  if (layer.chain) return undefined;
  let sum = 0;
  for (const node of layer.consumers) {
    const places = placesOf(layer, node, shapes);
    if (places === undefined) return undefined;
    sum += places * layer.parameters;
  }
  return sum;
}

/** How often a node uses each weight for one sample. */
function placesOf(layer: Layer, node: Node, shapes: ReadonlyMap<string, Shape>): number | undefined {
  const other = node.inputs[0] === layer.weight ? node.inputs[1] : node.inputs[0];
  const product = (dims: Shape | undefined): number | undefined =>
    dims?.every(isNumber) ? dims.reduce((a, b) => a * b, 1) : undefined;
  if (layer.op === "Conv") return product(shapes.get(node.outputs[0])?.slice(2));
  if (layer.op === "ConvTranspose") return product(shapes.get(other)?.slice(2));
  if (layer.op === "Gemm") return 1;
  const dims = shapes.get(other);
  return dims && (dims.length < 3 ? 1 : product(dims.slice(1, -1)));
}
