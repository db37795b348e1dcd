import type { ConstantValue } from "../onnx/arrays";
import { constantTensor, evaluateConstant, type ConstantCache } from "../onnx/constants";
import type { NodeSpec } from "../onnx/encode";
import { isStandardDomain, type Graph, type Model, type Node } from "../onnx/model";
import { OLDEST_OPSET, raiseNode } from "../onnx/raise";
import { inferFacts, type Facts } from "../onnx/shapes";
import { knownSizes } from "../onnx/sizes";
import { elementsOf, isFloatType } from "../onnx/tensor";
import { KernelscopeError } from "../protocol/errors";

/** A network as it is trained: one batch size, one operator set, shape arithmetic computed, what is never left out at inference gone. */
export interface Network {
  input: string;
  /** In the order in which they run. */
  nodes: NodeSpec[];
  constants: Map<string, ConstantValue>;
  /** Sizes of all values, as far as they are known. */
  dims: Map<string, readonly number[]>;
  outputs: string[];
}

/** Nodes that cannot be carried over keep their name in this domain. */
export const UNKNOWN_DOMAIN = "unknown";

/**
 * Takes a model's main graph for training, all of it in float32.
 * @param input the samples' name and sizes, the batch included
 * @param free constants that are to be trained: nothing that depends on them is computed ahead
 * @throws KernelscopeError "unsupported" for models before opset 7 and those with further inputs
 */
export async function readNetwork(model: Model, input: { name: string; dims: readonly number[] }, outputs: readonly string[], free: readonly string[] = []): Promise<Network> {
  if (model.opset < OLDEST_OPSET) throw new KernelscopeError("unsupported", `This model is of operator set ${model.opset}; networks can be trained from ${OLDEST_OPSET} on. Export it for a newer one.`);
  return new Reading(model, input, outputs, free).run();
}

class Reading {
  private readonly facts: ReadonlyMap<string, Facts>;
  private readonly network: Network;
  /** Values that change with the samples. */
  private readonly data: Set<string>;
  /** Values under another name: behind Identity, Dropout and casts between floats. */
  private readonly aliases = new Map<string, string>();
  private readonly cache: ConstantCache;
  private made = 0;

  constructor(private readonly model: Model, input: { name: string; dims: readonly number[] }, outputs: readonly string[], private readonly free: readonly string[]) {
    const given = free.flatMap((name): [string, readonly number[]][] => { const dims = constantTensor(model.graph, name)?.dims; return dims ? [[name, dims]] : []; });
    this.facts = inferFacts(model, new Map([[input.name, input.dims], ...given])).get(model.graph) ?? new Map<string, Facts>();
    this.network = { input: input.name, nodes: [], constants: new Map(), dims: new Map(), outputs: [...outputs] };
    this.data = new Set([input.name, ...free]);
    this.cache = new Map([[model.graph, knownSizes(model.graph, this.facts)]]);
  }

  async run(): Promise<Network> {
    const { network, model: { graph }, facts } = this;
    for (const name of this.free) await this.compute(name);
    for (const node of nodesBehind(graph, network.outputs, this.free)) await this.take(node);
    network.outputs = network.outputs.map((name) => this.aliases.get(name) ?? name);
    for (const name of [network.input, ...network.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])]) {
      const dims = network.constants.get(name)?.dims ?? facts.get(name)?.shape;
      if (dims?.every((dim): dim is number => typeof dim === "number")) network.dims.set(name, dims);
    }
    return network;
  }

  private async take(node: Node): Promise<void> {
    const { model, network, facts, data, cache, aliases } = this, known = cache.get(model.graph);
    if (![...node.inputs, ...node.captures].some((name) => data.has(name)) || node.outputs.every((name) => !name || known?.has(name))) return;
    for (const name of node.outputs) data.add(name);
    const raised = raiseNode(node, model.opset, () => `raised ${this.made++}`, (name) => facts.get(name)?.shape);
    for (const { name, dims, type, raw } of raised?.constants ?? []) network.constants.set(name, { dims, type, data: elementsOf(type, raw!)! });
    for (const spec of raised?.nodes ?? [{ op: node.op, domain: UNKNOWN_DOMAIN, inputs: node.inputs, outputs: node.outputs }]) {
      const inputs: string[] = [];
      for (const name of spec.inputs) inputs.push(await this.operand(name));
      for (const name of spec.outputs) data.add(name);
      const isAlias = isStandardDomain(node.domain) && (spec.op === "Identity" || (spec.op === "Cast" && isFloatType(Number(spec.attributes?.to)) && facts.get(node.inputs[0])?.isFloat !== false));
      if (isAlias) aliases.set(spec.outputs[0], inputs[0]);
      else network.nodes.push({ ...spec, inputs });
    }
  }

  /** An input of a node under the name that it has here. A constant is computed. */
  private async operand(given: string): Promise<string> {
    const { network: { constants }, model: { graph }, data, cache } = this, name = this.aliases.get(given) ?? given;
    if (name && !constants.has(name) && (!data.has(name) || cache.get(graph)?.has(name))) await this.compute(name);
    return name;
  }

  private async compute(name: string): Promise<void> {
    const { network: { constants }, model: { graph }, model, cache } = this, value = await evaluateConstant(model, graph, name, cache);
    if (!value) throw new KernelscopeError("unsupported", graph.inputs.some((other) => other.name === name)
      ? `The model has a further input, ${name}, so it cannot be trained on one set of samples.`
      : `${name} cannot be computed ahead, so this model cannot be trained.`);
    constants.set(name, value);
  }
}

/** Nodes that some outputs depend on beyond the values `given`, in the order of the file. */
function nodesBehind(graph: Graph, outputs: readonly string[], given: readonly string[]): Node[] {
  const wanted = new Set<Node>(), pending = [...outputs];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const node = given.includes(name) ? undefined : graph.producers.get(name);
    if (!node || wanted.has(node)) continue;
    wanted.add(node);
    pending.push(...node.inputs, ...node.captures);
  }
  return graph.nodes.filter((node) => wanted.has(node));
}
