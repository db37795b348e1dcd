import { constantTensor, homeOf } from "./constants";
import { type Graph, isStandardDomain, type Model, type Node } from "./model";
import { type Layer } from "./layers";
import { type Dim, type Facts, outputsOf, type Shape } from "./shape-rules";

export type { Dim, Shape } from "./shape-rules";

/**
 * Shapes of all values, as far as they follow from the inputs, for the usual operators of convolutional networks. A dimension that is not known is "?",
 * one that the caller chooses has its symbolic name, so that a batch axis stays one. What the file itself says of a value goes before what is inferred.
 * Names of bodies appear unless the main graph has them too.
 */
export function inferShapes(model: Model): Map<string, Shape> {
  const facts = new Map<Graph, Map<string, Facts>>(), shapes = new Map<string, Shape>();
  for (const graph of model.graphs) {
    const known = new Map<string, Facts>();
    facts.set(graph, known);
    const find = (name: string): Facts => {
      const home = homeOf(graph, name), found = home && facts.get(home)?.get(name);
      if (found) return found;
      const tensor = home?.initializers.get(name) ?? constantTensor(graph, name);
      return tensor ? { shape: tensor.dims, values: tensor.values } : {};
    };
    for (const { name, shape } of graph.inputs) known.set(name, { shape });
    for (const [name, { dims }] of graph.sparseInitializers) known.set(name, { shape: dims });
    for (const [name, { dims, values }] of graph.initializers) known.set(name, { shape: dims, values: graph.overridable.has(name) ? undefined : values });
    const declared = new Map(graph.outputs.map(({ name, shape }) => [name, shape]));
    for (const [name, { shape }] of graph.valueInfo) declared.set(name, shape);
    for (const node of graph.nodes) {
      const outputs = isStandardDomain(node.domain) ? outputsOf(node, node.inputs.map((name) => (name ? find(name) : {})), model.opset) : [];
      node.outputs.forEach((name, i) => known.set(name, { shape: merge(declared.get(name), outputs[i]?.shape), values: outputs[i]?.values }));
    }
    for (const [name, { shape }] of known) if (shape && name && !shapes.has(name)) shapes.set(name, shape);
  }
  return shapes;
}

/** The declared shape; where it leaves a dimension open, the inferred one. */
function merge(declared: Shape | undefined, inferred: Shape | undefined): Shape | undefined {
  if (!declared) return inferred;
  return declared.map((dim, axis) => (dim === "?" && inferred?.length === declared.length ? inferred[axis] : dim));
}

/**
 * Multiply-accumulates of a layer for one sample: what the first axis of its input, taken for the batch, has once. All of its consumers together.
 * Undefined where a size is not known.
 */
export function macs(layer: Layer, shapes: ReadonlyMap<string, Shape>): number | undefined {
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
    dims?.every((dim): dim is number => typeof dim === "number") ? dims.reduce((a, b) => a * b, 1) : undefined;
  if (layer.op === "Conv") return product(shapes.get(node.outputs[0])?.slice(2));
  if (layer.op === "ConvTranspose") return product(shapes.get(other)?.slice(2));
  if (layer.op === "Gemm") return 1;
  const dims = shapes.get(other);
  return dims && (dims.length < 3 ? 1 : product(dims.slice(1, -1)));
}

/** A shape with "?" counted: elements, or undefined where one is open. */
export const elementsIn = (shape: Shape | undefined): number | undefined => {
  const dims = shape?.filter((dim): dim is number => typeof dim === "number");
  return dims && dims.length === shape?.length ? dims.reduce((a, b) => a * b, 1) : undefined;
};

export type { Dim as Dimension };
