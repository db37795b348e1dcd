import { countOf, GraphBuilder, storedDims, type Order, type Value } from "./graph";
import { Differentiation, type Barrier } from "./differentiate";
import type { Network } from "./network";
import { lossOf, type Objective } from "./objective";
import type { TraceMode } from "./operator";

/** A tensor that comes in with every step. */
export interface Parameter {
  /** The constant of the network that it stands for. */
  name: string;
  dims: readonly number[];
  /** How the caller stores it, and gets its gradient. */
  order?: Order;
}

export interface StepOptions {
  parameters: readonly Parameter[];
  /** Tensors that come in like parameters, and are not trained. */
  given?: readonly Parameter[];
  objective: Objective;
  mode: TraceMode;
}

/** A training step as an ONNX model: samples, the original's outputs and parameters in; the loss, gradients and statistics out. */
export interface Step {
  model: Uint8Array;
  /** Parameters that a gradient comes back to; the others cannot be tuned. */
  tuned: string[];
  /** Where gradients end. */
  barriers: readonly Barrier[];
  /** Outputs of batch normalizations whose statistics come out. */
  normalizations: string[];
}

export const LOSS = "loss";
export const gradientOutput = (parameter: string): string => `d ${parameter}`;
export const meanOutput = (normalization: string): string => `mean ${normalization}`;
export const varianceOutput = (normalization: string): string => `variance ${normalization}`;
/** Of a value that is put on a grid, before that. */
export const leastOutput = (value: string): string => `least ${value}`;
export const mostOutput = (value: string): string => `most ${value}`;

/** As a share of the convolutions' feature maps: a step of ResNet-18 takes about 1.3 times PyTorch's memory then, see bench:step. */
const SPARE = 0.4;

function mapElements({ nodes, dims }: Network): number {
  return nodes.reduce((sum, { op, outputs }) => sum + (op === "Conv" ? countOf(dims.get(outputs[0]) ?? []) : 0), 0);
}

/** Builds the step of a network. */
export function buildStep(network: Network, { parameters, given = [], objective, mode }: StepOptions): Step {
  const g = new GraphBuilder(SPARE * mapElements(network)), pass = layOut(g, network, { parameters, given, mode }), { loss, gradients: seeds } = lossOf(g, network.outputs.map((name) => pass.value(name)), objective);
  const gradients = pass.backward(new Map(network.outputs.map((name, i) => [name, seeds[i]])));
  g.output(LOSS, loss);
  for (const { name, order } of parameters) {
    const gradient = gradients.get(name);
    if (gradient) g.output(gradientOutput(name), g.ordered(gradient, order));
  }
  for (const [name, { mean, variance }] of pass.statistics) {
    g.output(meanOutput(name), mean);
    g.output(varianceOutput(name), variance);
  }
  for (const [name, { least, most }] of pass.extremes) {
    if (least) g.output(leastOutput(name), least);
    g.output(mostOutput(name), most);
  }
  return { model: g.build(), tuned: parameters.flatMap(({ name }) => (gradients.has(name) ? [name] : [])), barriers: pass.barriers, normalizations: [...pass.statistics.keys()] };
}

/** The forward pass alone: the outputs under their own names, and statistics where the batch's are taken. */
export function buildForward(network: Network, { parameters, given = [], mode }: Omit<StepOptions, "objective">): Uint8Array {
  const g = new GraphBuilder(), pass = layOut(g, network, { parameters, given, mode });
  network.outputs.forEach((name, i) => g.output(forwardOutput(i), g.plain(pass.value(name))));
  for (const [name, { mean, variance }] of pass.statistics) {
    g.output(meanOutput(name), mean);
    g.output(varianceOutput(name), variance);
  }
  return g.build();
}

export const forwardOutput = (output: number): string => `output ${output}`;

function layOut(g: GraphBuilder, network: Network, { parameters, given, mode }: Required<Omit<StepOptions, "objective">>): Differentiation {
  const samples: Value = g.input(network.input, network.dims.get(network.input)!);
  const known = new Map<string, Value>([[network.input, samples]]);
  for (const { name, dims, order } of [...parameters, ...given]) known.set(name, g.input(name, dims, order));
  return new Differentiation(g, network, known, new Set(parameters.map(({ name }) => name)), mode);
}

/** Elements of a tensor [a, b, c, d] as they are stored in another order, or back. */
export function reordered(values: Float32Array, { dims, order }: Pick<Parameter, "dims" | "order">, back = false): Float32Array {
  if (!order) return values;
  const strides = dims.map((_, axis) => countOf(dims.slice(axis + 1))), stored = storedDims({ dims, order }), result = new Float32Array(values.length);
  const place = new Array<number>(dims.length).fill(0);
  for (let i = 0, at = 0; i < values.length; i++) {
    if (back) result[at] = values[i];
    else result[i] = values[at];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at += strides[order[axis]];
      if (++place[axis] < stored[axis]) break;
      at -= stored[axis] * strides[order[axis]];
      place[axis] = 0;
    }
  }
  return result;
}
