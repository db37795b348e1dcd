import { dataValues } from "./dependence";
import { isStandardDomain, type Model, type Node } from "./model";
import { inferFacts, type Facts } from "./shapes";
import { bitsOf, DataType } from "./tensor";
import { typesOf } from "./types";

/** What a runtime holds of activations at once, at the least. */
export interface Peak {
  bytes: number;
  /** Where that is. */
  node: Node;
}

/** Operators that can write their output where their first input was. */
const IN_PLACE = new Set(["Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Softplus", "Gelu", "Erf", "Sqrt", "Exp", "Neg", "Abs", "BatchNormalization", "Add", "Sub", "Mul", "Div", "Softmax", "LogSoftmax", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "QuantizeLinear", "DequantizeLinear", "Cast"]);

/**
 * Bytes of all activations that are alive at once where they are most, for one sample and in the order of the file: inputs and outputs of a node and what later
 * ones still need; what can be written in place of an input that nobody needs any more takes nothing of its own, and a value that is only converted has its
 * smallest type, as in kernels that quantize what they put out. Weights and the scratch memory of kernels are not in it.
 * @returns undefined where a shape is not known
 */
export function peakActivations(model: Model, inferred = inferFacts(model)): Peak | undefined {
  const { graph } = model, facts = inferred.get(graph) ?? new Map<string, Facts>(), data = dataValues(graph), types = typesOf(graph);
  const lastUse = new Map<string, number>(), outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) for (const name of [...node.inputs, ...node.captures]) lastUse.set(name, node.index);
  for (const name of outputs) lastUse.set(name, Infinity);
  // what a caller chooses beside the number of samples counts in every value that has it
  const open = new Set<string | number>(graph.inputs.flatMap(({ shape }) => shape?.slice(1).filter((dim) => typeof dim === "string") ?? []));
  const buffers = new Buffers((name) => (facts.get(name)?.shape?.some((dim) => open.has(dim)) ? undefined : sizeOf(facts.get(name), types.get(name) ?? DataType.FLOAT)));
  for (const { name } of graph.inputs) if (data.has(name)) buffers.hold(name);
  for (const node of graph.nodes) {
    const [first] = node.inputs, [output] = node.outputs;
    const isInPlace = IN_PLACE.has(node.op) && isStandardDomain(node.domain) && data.has(first) && lastUse.get(first) === node.index && buffers.isAlone(first) && buffers.fits(first, output);
    for (const [i, name] of node.outputs.entries()) {
      if (!name || !data.has(name)) continue;
      if (i === 0 && isInPlace) buffers.share(name, first);
      else buffers.hold(name);
    }
    buffers.note(node);
    for (const name of new Set([...node.inputs, ...node.outputs])) if ((lastUse.get(name) ?? -1) <= node.index) buffers.release(name);
  }
  return buffers.peak();
}

interface Buffer { bytes: number; from: number; until: number; users: number }

/** Buffers by the values in them; how large each is turns out by the smallest type that its value has on the way. */
class Buffers {
  private readonly at = new Map<string, Buffer>();
  private readonly all: Buffer[] = [];
  private readonly nodes: Node[] = [];
  private isUnknown = false;

  constructor(private readonly size: (name: string) => number | undefined) {}

  hold(name: string): void {
    const bytes = this.size(name);
    if (bytes === undefined) this.isUnknown = true;
    const buffer = { bytes: bytes ?? 0, from: this.nodes.length, until: Infinity, users: 1 };
    this.at.set(name, buffer);
    this.all.push(buffer);
  }

  share(name: string, other: string): void {
    const buffer = this.at.get(other)!;
    buffer.bytes = Math.min(buffer.bytes, this.size(name) ?? buffer.bytes);
    buffer.users++;
    this.at.set(name, buffer);
  }

  isAlone(name: string): boolean { return this.at.get(name)?.users === 1; }

  /** Whether a value has as many elements as another, or as many in fewer bytes. */
  fits(name: string, output: string): boolean {
    const [have, want] = [this.size(name), this.size(output)];
    return have !== undefined && want !== undefined && (want <= have || want === 4 * have);
  }

  note(node: Node): void { this.nodes.push(node); }

  release(name: string): void {
    const buffer = this.at.get(name);
    if (!buffer || !this.at.delete(name)) return;
    if (--buffer.users === 0) buffer.until = this.nodes.length - 1;
  }

  peak(): Peak | undefined {
    if (this.isUnknown || !this.nodes.length) return undefined;
    const alive = new Float64Array(this.nodes.length + 1);
    for (const { bytes, from, until } of this.all) {
      alive[Math.min(from, this.nodes.length - 1)] += bytes;
      if (until < this.nodes.length) alive[until + 1] -= bytes;
    }
    let sum = 0, most = { bytes: -1, node: this.nodes[0] };
    this.nodes.forEach((node, i) => {
      sum += alive[i];
      if (sum > most.bytes) most = { bytes: sum, node };
    });
    return most;
  }
}

/** Bytes of a value for one sample: an axis whose size the caller chooses has one. */
function sizeOf(facts: Facts | undefined, type: number): number | undefined {
  if (!facts?.shape || facts.shape.includes("?")) return undefined;
  return Math.ceil(facts.shape.reduce<number>((product, dim) => product * (typeof dim === "number" ? dim : 1), 1) * (bitsOf(type) || 32) / 8);
}
