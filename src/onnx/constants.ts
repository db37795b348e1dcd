import { type ConstantValue, NotConstant } from "./arrays";
import { type Attribute, type Graph, isStandardDomain, type Model, type Node } from "./model";
import { OPERATORS } from "./operators";
import { bitsOf, DataType, elementsOf, readRaw, type Tensor } from "./tensor";
import { spanBytes } from "./wire";

export type { ConstantValue } from "./arrays";

/** Where a name is defined, seen from a graph: the innermost graph around it that has it. */
export function homeOf(graph: Graph, name: string): Graph | undefined {
  let home: Graph | undefined = graph;
  while (home && !home.initializers.has(name) && !home.producers.has(name) && !home.sparseInitializers.has(name) && !home.inputs.some((input) => input.name === name)) home = home.parent;
  return home;
}

/** Follows Identity nodes back to where a value comes from. */
function originOf(graph: Graph, name: string): { home: Graph; name: string; node?: Node } | undefined {
  for (const seen = new Set<Node>(); ;) {
    const home = homeOf(graph, name), node = home?.initializers.has(name) ? undefined : home?.producers.get(name);
    if (!home || (node && seen.has(node))) return undefined;
    if (node?.op !== "Identity" || !isStandardDomain(node.domain)) return { home, name, node };
    seen.add(node);
    [graph, name] = [home, node.inputs[0]];
  }
}

/** The constant behind a name: an initializer or a `Constant` node, in this graph or one around it, through Identity. None where a caller may replace it. */
export function constantTensor(graph: Graph, name: string): Tensor | undefined {
  const origin = originOf(graph, name);
  if (!origin || origin.home.overridable.has(origin.name)) return undefined;
  return origin.node ? constantOf(origin.node) : origin.home.initializers.get(origin.name);
}

/** Whether an initializer stands behind the name that a caller may replace, being a graph input too. */
export function isOverridable(graph: Graph, name: string): boolean {
  const origin = originOf(graph, name);
  return origin !== undefined && origin.home.overridable.has(origin.name);
}

const made = new WeakMap<Attribute, Tensor>();

/** The tensor of a `Constant` node, in whichever attribute it is. */
export function constantOf(node: Node): Tensor | undefined {
  if (node.op !== "Constant" || !isStandardDomain(node.domain)) return undefined;
  const value = node.attributes.get("value")?.tensor;
  if (value) return value;
  for (const name of ["value_float", "value_floats", "value_int", "value_ints"] as const) {
    const attribute = node.attributes.get(name);
    if (!attribute || attribute.reference) continue;
    let tensor = made.get(attribute);
    if (!tensor) made.set(attribute, tensor = tensorFrom(attribute, node.outputs[0] ?? "", name.includes("float"), name.endsWith("s")));
    return tensor;
  }
  return undefined;
}

function tensorFrom(attribute: Attribute, name: string, floats: boolean, isList: boolean): Tensor {
  const longs = () => attribute.longs ?? (isList ? attribute.ints : [attribute.i ?? 0]).map(BigInt);
  const array = floats ? Float32Array.from(isList ? attribute.floats : [attribute.f ?? 0]) : BigInt64Array.from(longs());
  return {
    name, dims: isList ? [array.length] : [], type: floats ? DataType.FLOAT : DataType.INT64, count: array.length, bytes: spanBytes(attribute.span),
    storage: { kind: "memory", raw: new Uint8Array(array.buffer) }, values: Array.from<number | bigint, number>(array, Number), externalFields: [], otherFields: [],
  };
}

/** Values computed before, for several calls on one model: those that something still to be computed may need, and what was asked for. It holds them until it is let go. */
export type ConstantCache = Map<Graph, Map<string, ConstantValue>>;

/**
 * Computes a constant from the constants behind it, with onnxruntime's arithmetic; undefined where it depends on an input or on an operator that is not known here.
 * @param cache keeps values on the way that others need too, so that weights which share their unpacking share its cost
 */
export async function evaluateConstant(model: Model, graph: Graph, name: string, cache: ConstantCache = new Map()): Promise<ConstantValue | undefined> {
  try {
    return await new Evaluation(model, cache).value(graph, name);
  } catch (error) {
    if (error instanceof NotConstant) return undefined;
    throw error;
  }
}

/** Values that can be computed again: a caller may have put others into a cache. */
const computed = new WeakSet<ConstantValue>();

class Evaluation {
  constructor(private readonly model: Model, private readonly cache: ConstantCache) {}

  /** Depth first with a stack of its own: chains may be longer than a call stack. */
  async value(graph: Graph, name: string): Promise<ConstantValue> {
    const known = await this.leaf(graph, name);
    if (known) return known;
    const stack = [this.producer(graph, name)], waiting = new Set<Node>();
    for (let node = stack.at(-1); node; node = stack.at(-1)) {
      if (this.isDone(node)) {
        stack.pop();
        continue;
      }
      const missing: Node[] = [];
      for (const input of node.inputs) if (input && !await this.leaf(node.graph, input)) missing.push(this.producer(node.graph, input));
      if (missing.length) {
        if (waiting.has(node)) throw new NotConstant("a circle");
        waiting.add(node);
        stack.push(...missing);
      } else {
        this.run(node);
        stack.pop();
      }
    }
    const value = this.get(graph, name);
    if (!value) throw new NotConstant(name);
    return value;
  }

  private isDone(node: Node): boolean { return node.outputs.every((output) => !output || this.cache.get(node.graph)?.has(output)); }

  private get(graph: Graph, name: string): ConstantValue | undefined {
    const home = homeOf(graph, name);
    return home && this.cache.get(home)?.get(name);
  }

  private keep(graph: Graph, name: string, value: ConstantValue): void {
    let values = this.cache.get(graph);
    if (!values) this.cache.set(graph, values = new Map());
    values.set(name, value);
    computed.add(value);
  }

  /** Lets go of what all that use it have used: unpacking goes through many values as large as all weights together. */
  private release(graph: Graph, name: string): void {
    const home = homeOf(graph, name), value = this.get(graph, name);
    if (home && value && computed.has(value) && home.consumers.get(name)?.every((node) => this.isDone(node))) this.cache.get(home)?.delete(name);
  }

  /** A value that is known already, or lies in the file. */
  private async leaf(graph: Graph, name: string): Promise<ConstantValue | undefined> {
    const known = this.get(graph, name);
    if (known) return known;
    const home = homeOf(graph, name), node = home?.producers.get(name);
    if (!home || home.overridable.has(name)) throw new NotConstant(name);
    const tensor = home.initializers.get(name) ?? (node && constantOf(node));
    if (!tensor) return undefined;
    const data = bitsOf(tensor.type) ? elementsOf(tensor.type, await readRaw(this.model, tensor)) : undefined;
    if (!data) throw new NotConstant(`type ${tensor.type}`);
    const value = { dims: tensor.dims, type: tensor.type, data };
    this.keep(home, name, value);
    return value;
  }

  private producer(graph: Graph, name: string): Node {
    const node = homeOf(graph, name)?.producers.get(name);
    if (!node || !isStandardDomain(node.domain) || !OPERATORS.has(node.op) || [...node.attributes.values()].some(({ reference }) => reference)) throw new NotConstant(name);
    return node;
  }

  private run(node: Node): void {
    const operator = OPERATORS.get(node.op);
    if (!operator) throw new NotConstant(node.op);
    const results = operator(node.inputs.map((name) => (name ? this.get(node.graph, name) : undefined)), node, this.model.opset);
    node.outputs.forEach((output, i) => { if (output) this.keep(node.graph, output, results[i]); });
    for (const name of node.inputs) if (name) this.release(node.graph, name);
  }
}
