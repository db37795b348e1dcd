import { isBig, type ConstantValue } from "../onnx/arrays";
import { KernelscopeError } from "../protocol/errors";
import type { GraphBuilder, Value } from "./graph";
import { UNKNOWN_DOMAIN, type Network } from "./network";
import { Attributes, Untrainable, type Traced, type TraceMode } from "./operator";
import { OPERATORS } from "./operators/registry";

/** Where a gradient could not come back through, and why. */
export interface Barrier { op: string; output: string; reason: string }

/** A network laid out in a graph, ready to be led back through. */
export class Differentiation {
  readonly barriers: Barrier[] = [];
  /** Mean and variance [C] of what came to each batch normalization, by the name of its output. */
  readonly statistics = new Map<string, { mean: Value; variance: Value }>();
  /** Extremes of what was put on a grid, by the name of the output. */
  readonly extremes = new Map<string, { least?: Value; most: Value }>();
  private readonly values = new Map<string, Value>();
  private readonly tracked = new Set<string>();
  private readonly steps: { inputs: readonly string[]; outputs: readonly string[]; traced: Traced; label: Barrier }[] = [];

  /**
   * Lays out the forward pass.
   * @param given values that come from outside, by name: the samples, and the tensors whose gradients are wanted
   * @param parameters the names of the latter
   */
  constructor(private readonly g: GraphBuilder, private readonly network: Network, given: ReadonlyMap<string, Value>, private readonly parameters: ReadonlySet<string>, private readonly mode: TraceMode) {
    for (const [name, value] of given) this.values.set(name, value);
    for (const name of parameters) this.tracked.add(name);
    for (const node of network.nodes) this.trace(new Attributes(node));
  }

  /** A value of the network. */
  value(name: string): Value {
    const value = this.values.get(name) ?? this.constant(name);
    if (!value) throw new RangeError(`${name} is no value of this network`);
    return value;
  }

  /** Gradients of the parameters, from those of some values. A parameter that nothing comes back to is left out. */
  backward(seeds: ReadonlyMap<string, Value>): Map<string, Value> {
    const { g, parameters } = this, gradients = new Map(seeds);
    for (const { inputs, outputs, traced, label } of [...this.steps].reverse()) {
      const incoming = outputs.map((name) => gradients.get(name));
      if (!incoming.some((gradient) => gradient)) continue;
      if (!traced.backward) {
        this.barriers.push(label);
        continue;
      }
      traced.backward(incoming).forEach((gradient, i) => {
        const name = inputs[i];
        if (!gradient || !this.tracked.has(name)) return;
        const before = gradients.get(name);
        gradients.set(name, before ? g.plus(before, gradient) : gradient);
      });
      for (const name of outputs) if (!parameters.has(name)) gradients.delete(name);
    }
    return new Map([...gradients].filter(([name]) => parameters.has(name)));
  }

  private trace(node: Attributes): void {
    const { g, network, values, tracked, mode } = this, { op, spec } = node, { inputs, outputs } = spec, operator = OPERATORS.get(op);
    const label: Barrier = { op, output: outputs[0], reason: "" }, isTracked = inputs.some((name) => tracked.has(name));
    let traced: Traced;
    try {
      if (!operator || spec.domain === UNKNOWN_DOMAIN) throw new Untrainable("it is not known here");
      traced = operator({
        g, node, mode, inputs: inputs.map((name) => (name ? values.get(name) ?? this.constant(name) : undefined)),
        numbers: (i) => numbersOf(network.constants.get(inputs[i] ?? "")),
        outputDims: (i) => this.dimsOf(outputs[i]),
        wanted: inputs.map((name) => tracked.has(name)),
        reportStatistics: (mean, variance) => { this.statistics.set(outputs[0], { mean, variance }); },
        reportExtremes: (least, most) => { this.extremes.set(outputs[0], { least, most }); },
      });
    } catch (error) {
      if (!(error instanceof Untrainable)) throw error;
      label.reason = error.message;
      traced = this.asItIs(node);
    }
    traced.outputs.forEach((value, i) => { if (outputs[i]) values.set(outputs[i], value); });
    if (!isTracked) return;
    for (const name of outputs) tracked.add(name);
    this.steps.push({ inputs, outputs, traced, label });
  }

  /** An operator without a gradient: it is computed as the model has it. */
  private asItIs({ spec }: Attributes): Traced {
    const { g, values } = this;
    if (spec.domain === UNKNOWN_DOMAIN) throw new KernelscopeError("unsupported", `${spec.op} cannot be carried over into training, so this model can be compressed but not tuned.`);
    const inputs = spec.inputs.map((name) => { const value = name ? values.get(name) ?? this.constant(name) : undefined; return value ? g.plain(value).name : ""; });
    const outputs = spec.outputs.map((name) => (name ? g.fresh() : ""));
    g.add({ ...spec, inputs, outputs });
    return { outputs: outputs.map((name, i) => ({ name, dims: this.dimsOf(spec.outputs[i]) })) };
  }

  private dimsOf(name: string): readonly number[] {
    const dims = this.network.dims.get(name);
    if (!dims) throw new Untrainable("the sizes of what it puts out are not known");
    return dims;
  }

  private constant(name: string): Value | undefined {
    const constant = this.network.constants.get(name), known = this.values.get(name);
    if (known || !constant) return known;
    const value = this.g.carry(constant);
    this.values.set(name, value);
    return value;
  }
}

/** Numbers of a small constant. */
function numbersOf(constant: ConstantValue | undefined): number[] | undefined {
  return constant && (isBig(constant.data) ? Array.from(constant.data, Number) : Array.from(constant.data));
}
