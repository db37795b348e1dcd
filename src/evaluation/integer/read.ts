import { multiplierOf } from "../../numeric/fixed-point";
import { evaluateConstant, type ConstantCache, type ConstantValue } from "../../onnx/constants";
import { dataValues } from "../../onnx/dependence";
import { floatAttribute, type Graph, intAttribute, intsAttribute, isStandardDomain, type Model, type Node, stringAttribute } from "../../onnx/model";
import { DataType } from "../../onnx/tensor";
import { KernelscopeError } from "../../protocol/errors";
import { affineOf, fixedNormalization } from "./normalization";
import { productOf, regrid, sumOf, tableOf } from "./pairs";
import type { ConvolutionStep, Grid, IntegerProgram, LinearStep, Operation, PairStep, Step, Window } from "./program";

const LEVELS = 256;

/**
 * Reads the integer network out of a file with QuantizeLinear and DequantizeLinear around its operators, ours or another tool's, as far as it is of unsigned 8 bits.
 * What has no integer form here becomes a step of floats.
 * @throws KernelscopeError "unsupported" where nothing is quantized
 */
export async function readIntegers(model: Model): Promise<IntegerProgram> {
  return new Reading(model).run();
}

interface Fixed { origin: string; a: number[]; b: number[]; shift: number[]; lift: number[] }

class Reading {
  private readonly graph: Graph;
  private readonly steps: Step[] = [];
  /** Values that are integers. */
  private readonly grids = new Map<string, Grid>();
  /** Floats that are made of integers: theirs by name. */
  private readonly origins = new Map<string, string>();
  /** Integers widened to be an index: theirs by name. */
  private readonly widened = new Map<string, string>();
  /** Normalizations in fixed point on their way through the file's nodes. */
  private readonly fixed = new Map<string, Fixed>();
  /** Floats that a step gives. */
  private readonly floats = new Set<string>();
  private readonly cache: ConstantCache = new Map();
  private readonly data: Set<string>;

  constructor(private readonly model: Model) {
    this.graph = model.graph;
    this.data = dataValues(this.graph);
  }

  async run(): Promise<IntegerProgram> {
    const { graph, steps, grids } = this, [input] = graph.inputs.filter(({ name }) => this.data.has(name));
    for (const node of graph.nodes) if (node.outputs.some((name) => this.data.has(name))) await this.visit(node);
    if (!grids.size) throw new KernelscopeError("unsupported", "No activations of this model are quantized, so there are no integers to compute with. Compress it with --inference integer first.");
    for (const { name } of graph.outputs) await this.give(name);
    return { input: input.name, outputs: graph.outputs.map(({ name }) => name), steps, grids };
  }

  private async visit(node: Node): Promise<void> {
    const { grids, origins, widened } = this, [x] = node.inputs, [y] = node.outputs;
    if (!isStandardDomain(node.domain)) return;
    if (node.op === "QuantizeLinear") await this.quantize(node);
    else if (node.op === "DequantizeLinear") origins.set(y, x);
    else if (this.fixed.has(x) || (widened.has(x) && node.op === "Mul")) await this.follow(node);
    else if (node.op === "Cast" && grids.has(x)) widened.set(y, x);
    else if (node.op === "Gather" && widened.has(node.inputs[1])) {
      const table = await this.constant(x);
      if (table?.data.length !== LEVELS) return;
      this.add(node, { kind: "table", table: Uint8Array.from(table.data, Number) }, [widened.get(node.inputs[1])!], y, await this.gridBehind(y));
    } else if (grids.has(x) && node.op !== "Shape" && node.op !== "Size") {
      for (const name of node.outputs) if (name) grids.set(name, grids.get(x)!);
      this.steps.push({ operation: { kind: "move" }, node, inputs: this.frontier(node.outputs), outputs: node.outputs.filter(Boolean) });
    }
  }

  /** (x·A + B') >> k − lift, B' = B + lift·2^k: shifted as unsigned integers, which is all that files can. */
  private async follow(node: Node): Promise<void> {
    const { inputs: [x, other], outputs: [y] } = node, constant = other ? await this.constant(other) : undefined, values = constant && Array.from<number | bigint, number>(constant.data, Number);
    const known = this.fixed.get(x) ?? { origin: this.widened.get(x)!, a: values ?? [], b: [], shift: [], lift: [] };
    if (node.op !== "Cast" || intAttribute(node, "to", 0) !== DataType.UINT8) {
      const part = ({ Add: "b", BitShift: "shift", Sub: "lift" } as const)[node.op];
      this.fixed.set(y, part && values ? { ...known, [part]: values } : known);
      return;
    }
    const { origin, a, b, shift, lift } = known;
    if (a.length !== b.length || a.length !== shift.length || a.length !== lift.length) return;
    this.add(node, { kind: "affine", channels: a.map((factor, m) => ({ a: factor, b: b[m] - lift[m] * 2 ** shift[m], shift: shift[m], exceptions: [] })) }, [origin], y, await this.gridBehind(y));
  }

  private add(node: Node, operation: Operation, inputs: string[], output: string, grid?: Grid): void {
    if (grid) this.grids.set(output, grid);
    this.steps.push({ operation, node, inputs, outputs: [output] });
  }

  private async constant(name: string): Promise<ConstantValue | undefined> { return name && !this.data.has(name) ? evaluateConstant(this.model, this.graph, name, this.cache) : undefined; }

  private async gridOf({ inputs: [, scale, zero] }: Node): Promise<Grid | undefined> {
    const step = await this.constant(scale), offset = zero ? await this.constant(zero) : undefined;
    return step?.data.length === 1 && (!zero || (offset?.data instanceof Uint8Array && offset.data.length === 1)) ? { scale: Number(step.data[0]), zero: Number(offset?.data[0] ?? 0) } : undefined;
  }

  /** The grid on which a value is read later on. */
  private async gridBehind(name: string): Promise<Grid> {
    for (const pending = [name], seen = new Set<string>(); pending.length;) {
      const next = pending.pop()!;
      if (seen.has(next)) continue;
      seen.add(next);
      for (const user of this.graph.consumers.get(next) ?? []) {
        const grid = user.op === "DequantizeLinear" ? await this.gridOf(user) : undefined;
        if (grid) return grid;
        pending.push(...user.outputs);
      }
    }
    return { scale: 1, zero: 0 };
  }

  private async quantize(node: Node): Promise<void> {
    const { inputs: [x], outputs: [y] } = node, grid = await this.gridOf(node);
    if (!grid) return;
    const producer = await this.computing(x, grid), found = producer && await this.operation(producer, grid);
    if (found) this.add(producer, found.operation, found.inputs, y, grid);
    else {
      await this.give(x);
      this.add(node, { kind: "quantize", grid }, [x], y, grid);
    }
  }

  /** The operator whose result a value is, a rectifier or clip that the ends of its grid stand for left out. */
  private async computing(name: string, { scale, zero }: Grid): Promise<Node | undefined> {
    const node = this.graph.producers.get(name), before = node && (node.op === "Relu" || node.op === "Clip") ? this.graph.producers.get(node.inputs[0]) : undefined;
    if (!node || !before || this.origins.has(before.outputs[0]) || zero !== 0) return node;
    const [low, high] = node.op === "Clip" ? await this.bounds(node) : [0, Infinity];
    return low <= 0 && high >= scale * (LEVELS - 1) ? before : node;
  }

  private async bounds(node: Node): Promise<[low: number, high: number]> {
    const bound = async (name: string | undefined, fallback: number) => Number((name ? await this.constant(name) : undefined)?.data[0] ?? fallback);
    return [await bound(node.inputs[1], -Infinity), await bound(node.inputs[2], Infinity)];
  }

  /** Makes sure that a float value is there. */
  private async give(name: string): Promise<void> {
    const { origins, floats, grids, graph } = this;
    if (floats.has(name) || grids.has(name) || !graph.producers.has(name)) return;
    floats.add(name);
    const origin = origins.get(name), node = graph.producers.get(name)!;
    if (origin !== undefined) {
      const grid = await this.gridOf(node);
      if (grid) return this.add(node, { kind: "dequantize", grid }, [origin], name);
    }
    const linear = await this.linear(node, undefined);
    if (linear) return this.add(node, linear.operation, linear.inputs, name);
    const inputs = this.frontier([name]);
    for (const input of inputs) await this.give(input);
    this.add(node, { kind: "float", nodes: this.between(name, new Set(inputs)) }, inputs, name);
  }

  /** Values that are computed before and that some others depend on. */
  private frontier(outputs: readonly string[]): string[] {
    const found = new Set<string>(), seen = new Set<string>(outputs), pending = outputs.flatMap((name) => this.graph.producers.get(name)?.inputs ?? []);
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (seen.has(name) || !this.data.has(name)) continue;
      seen.add(name);
      const node = this.graph.producers.get(name);
      if (!node || this.grids.has(name) || this.origins.has(name) || this.floats.has(name)) found.add(name);
      else pending.push(...node.inputs, ...node.captures);
    }
    return [...found];
  }

  private between(output: string, inputs: ReadonlySet<string>): Node[] {
    const nodes = new Set<Node>(), pending = [output];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const node = inputs.has(name) || !this.data.has(name) ? undefined : this.graph.producers.get(name);
      if (!node || nodes.has(node)) continue;
      nodes.add(node);
      pending.push(...node.inputs);
    }
    return [...nodes].sort((a, b) => a.index - b.index);
  }

  /** An operator on integers that gives integers of a grid; undefined where it has no such form here. */
  private async operation(node: Node, out: Grid): Promise<{ operation: Operation; inputs: string[] } | undefined> {
    const wholes = node.inputs.map((name) => this.origins.get(name)), [x] = wholes, from = x === undefined ? undefined : this.grids.get(x);
    switch (node.op) {
      case "Conv": {
        const operation = x !== undefined && from ? await this.convolution(node, from, out) : undefined;
        return operation && { operation, inputs: [x!] };
      }
      case "BatchNormalization": {
        const map = x !== undefined && from ? await affineOf(this.model, node) : undefined;
        return map && from && x !== undefined ? { operation: { kind: "affine", channels: fixedNormalization(map, from, out) }, inputs: [x] } : undefined;
      }
      case "Gemm": case "MatMul": return await this.linear(node, out) ?? this.product(node, out);
      case "Add": case "Mul": return this.pair(node, out);
      case "Sigmoid": case "LeakyRelu": case "Relu": case "Clip": return from && x !== undefined ? { operation: { kind: "table", table: await this.unary(node, from, out) }, inputs: [x] } : undefined;
      case "AveragePool": case "GlobalAveragePool": {
        const window = node.op === "AveragePool" ? windowOf(node) : undefined;
        if (x === undefined || !from || (node.op === "AveragePool" && !window)) return undefined;
        return { operation: { kind: "pool", window, countsPads: intAttribute(node, "count_include_pad", 0) !== 0, ceil: intAttribute(node, "ceil_mode", 0) !== 0, zeroIn: from.zero, zeroOut: out.zero, factor: from.scale / out.scale }, inputs: [x] };
      }
      case "Softmax":
        return from && x !== undefined ? { operation: { kind: "softmax", axis: intAttribute(node, "axis", -1), powers: Float64Array.from({ length: LEVELS }, (_, d) => Math.round(Math.exp(-from.scale * d) * 2 ** 23)), zeroOut: out.zero, factor: 1 / out.scale }, inputs: [x] } : undefined;
      case "Concat": {
        if (!wholes.every((name): name is string => name !== undefined)) return undefined;
        return { operation: { kind: "join", axis: intAttribute(node, "axis", 0), parts: wholes.map((name) => regrid(this.grids.get(name)!, out)) }, inputs: wholes };
      }
      default: return undefined;
    }
  }

  private async unary(node: Node, from: Grid, to: Grid): Promise<Uint8Array> {
    const alpha = floatAttribute(node, "alpha", 0.01), [low, high] = node.op === "Clip" ? await this.bounds(node) : [0, Infinity];
    const f = node.op === "Sigmoid" ? (v: number) => 1 / (1 + Math.exp(-v)) : node.op === "LeakyRelu" ? (v: number) => (v < 0 ? alpha * v : v) : (v: number) => Math.max(low, Math.min(high, v));
    return tableOf((q) => f(from.scale * (q - from.zero)) / to.scale + to.zero);
  }

  /** A weight and its scales behind DequantizeLinear, less its zero point. */
  private async weight(name: string): Promise<{ dims: readonly number[]; values: Int16Array; scales: Float32Array; axis: number } | undefined> {
    const node = this.graph.producers.get(name);
    if (node?.op !== "DequantizeLinear" || this.data.has(name)) return undefined;
    const whole = await this.constant(node.inputs[0]), scale = await this.constant(node.inputs[1]), zero = node.inputs[2] ? await this.constant(node.inputs[2]) : undefined;
    if (!whole || !scale || !(whole.data instanceof Uint8Array || whole.data instanceof Int8Array)) return undefined;
    const { data, dims } = whole, axis = scale.data.length > 1 ? intAttribute(node, "axis", 1) : 0, inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1), size = dims[axis];
    const zeros = zero?.data ?? [0], at = (i: number) => (zeros.length > 1 ? Math.floor(i / inner) % size : 0);
    return { dims, values: Int16Array.from(data, (q, i) => q - Number(zeros[at(i)])), scales: Float32Array.from(scale.data, Number), axis: axis < 0 ? axis + dims.length : axis };
  }

  /** A bias on the grid of the sums. */
  private async bias(name: string | undefined, steps: Float32Array): Promise<Int32Array | undefined> {
    if (!name) return new Int32Array(steps.length);
    const node = this.graph.producers.get(name), whole = node?.op === "DequantizeLinear" ? await this.constant(node.inputs[0]) : undefined;
    if (whole?.data instanceof Int32Array) return whole.data;
    const floats = await this.constant(name);
    return floats && Int32Array.from(steps, (step, m) => Math.round(Number(floats.data[floats.data.length > 1 ? m : 0]) / step));
  }

  private async convolution(node: Node, from: Grid, out: Grid): Promise<ConvolutionStep | undefined> {
    const weight = await this.weight(node.inputs[1]), window = windowOf(node, weight?.dims.slice(2));
    if (!weight || !window || weight.axis !== 0) return undefined;
    const outputs = weight.dims[0], steps = Float32Array.from({ length: outputs }, (_, m) => from.scale * weight.scales[weight.scales.length > 1 ? m : 0]), bias = await this.bias(node.inputs[2], steps);
    return bias && {
      kind: "convolution", ...window, groups: intAttribute(node, "group", 1), weight: weight.values, weightScales: weight.scales, outputs, bias, zeroIn: from.zero, zeroOut: out.zero,
      multipliers: Array.from(steps, (_, m) => multiplierOf(from.scale * weight.scales[weight.scales.length > 1 ? m : 0] / out.scale)),
    };
  }

  /** A linear layer; without a grid for its output the sums become floats. */
  private async linear(node: Node, out: Grid | undefined): Promise<{ operation: LinearStep; inputs: string[] } | undefined> {
    const origin = this.origins.get(node.inputs[0]), from = origin === undefined ? undefined : this.grids.get(origin), weight = (node.op === "Gemm" || node.op === "MatMul") && from ? await this.weight(node.inputs[1]) : undefined;
    if (!weight || !from || origin === undefined || weight.dims.length !== 2 || intAttribute(node, "transA", 0) || floatAttribute(node, "alpha", 1) !== 1 || floatAttribute(node, "beta", 1) !== 1) return undefined;
    const isTransposed = intAttribute(node, "transB", 0) !== 0, [a, b] = weight.dims, outputs = isTransposed ? a : b;
    if (weight.scales.length > 1 && weight.axis !== (isTransposed ? 0 : 1)) return undefined;
    const values = isTransposed ? weight.values : transposed(weight.values, a, b), scaleOf = (m: number) => from.scale * weight.scales[weight.scales.length > 1 ? m : 0];
    const bias = await this.bias(node.op === "Gemm" ? node.inputs[2] : undefined, Float32Array.from({ length: outputs }, (_, m) => scaleOf(m)));
    if (!bias) return undefined;
    const all = Array.from({ length: outputs }, (_, m) => scaleOf(m));
    return {
      inputs: [origin],
      operation: { kind: "linear", weight: values, weightScales: weight.scales, outputs, bias, zeroIn: from.zero, zeroOut: out?.zero ?? 0, ...(out ? { multipliers: all.map((scale) => multiplierOf(scale / out.scale)) } : { steps: Float64Array.from(all) }) },
    };
  }

  private product(node: Node, out: Grid): { operation: Operation; inputs: string[] } | undefined {
    const inputs = node.inputs.slice(0, 2).map((name) => this.origins.get(name)), grids = inputs.map((name) => (name === undefined ? undefined : this.grids.get(name))), [a, b] = grids;
    if (node.op !== "MatMul" || !a || !b) return undefined;
    return { operation: { kind: "product", zeros: [a.zero, b.zero], multiplier: multiplierOf(a.scale * b.scale / out.scale), zeroOut: out.zero }, inputs: inputs.filter((name) => name !== undefined) };
  }

  /** A sum or product of two values: in integers, for each of the 65,536 pairs once. */
  private async pair(node: Node, out: Grid): Promise<{ operation: PairStep; inputs: string[] } | undefined> {
    const grids: Grid[] = [], inputs: string[] = [];
    let constant: PairStep["constant"];
    for (const [i, name] of node.inputs.entries()) {
      const origin = this.origins.get(name), producer = this.graph.producers.get(name), value = origin === undefined && producer?.op === "DequantizeLinear" ? await this.constant(producer.inputs[0]) : undefined;
      const grid = origin === undefined ? producer && value?.data instanceof Uint8Array ? await this.gridOf(producer) : undefined : this.grids.get(origin);
      if (!grid) return undefined;
      grids.push(grid);
      if (origin !== undefined) inputs.push(origin);
      else if (value?.data instanceof Uint8Array) constant = { place: i === 0 ? 0 : 1, dims: value.dims, data: value.data };
    }
    const [a, b] = grids;
    return { operation: { kind: "pair", grids: [a, b], ...(node.op === "Add" ? sumOf : productOf)(a, b, out), constant }, inputs };
  }
}

function transposed(values: Int16Array, rows: number, columns: number): Int16Array {
  const out = new Int16Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j];
  return out;
}

/** A node's window over two axes, one axis made two; undefined where its pads depend on the map or it has more axes. */
function windowOf(node: Node, dims?: readonly number[]): Window | undefined {
  const kernel = intsAttribute(node, "kernel_shape") ?? dims;
  if (!kernel || kernel.length > 2 || !kernel.length || !["NOTSET", "VALID"].includes(stringAttribute(node, "auto_pad", "NOTSET"))) return undefined;
  const rank = kernel.length, two = (values: readonly number[] | undefined, fill: number): [number, number] => { const all = values?.length ? values : kernel.map(() => 1); return rank === 2 ? [all[0], all[1]] : [fill, all[0]]; };
  const pads = intsAttribute(node, "pads"), given = pads?.length ? pads : new Array<number>(2 * rank).fill(0);
  return { kernel: two(kernel, 1), strides: two(intsAttribute(node, "strides"), 1), dilations: two(intsAttribute(node, "dilations"), 1), pads: rank === 2 ? [given[0], given[1], given[2], given[3]] : [0, given[0], 0, given[1]] };
}
