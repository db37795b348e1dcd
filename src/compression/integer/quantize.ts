import { constantTensor, evaluateConstant, type ConstantCache } from "../../onnx/constants";
import { ModelEdit, type NodeSpec, type TensorData } from "../../onnx/edit";
import { extract } from "../../onnx/extract";
import { GUARD } from "../../onnx/grids";
import type { Graph, Model, Node } from "../../onnx/model";
import { inferFacts } from "../../onnx/shapes";
import { DataType, readFloats } from "../../onnx/tensor";
import { affineOf, fixedNormalization } from "../../evaluation/integer/normalization";
import type { Grid } from "../../evaluation/integer/program";
import type { Range } from "../../evaluation/ranges";
import type { Runtime } from "../../runtime/runtime";
import { gridOfValues, LEVELS, toGrid } from "../../evaluation/integer/grids";
import { gridsOf } from "./calibrate";
import { SIZES, type IntegerPlan } from "./plan";
import type { Region } from "./regions";

/** Layers that onnxruntime makes integers of by itself, and what it takes together with rounding. */
const WITH_WEIGHTS = new Set(["Conv", "ConvTranspose", "Gemm"]), ACTIVATIONS = new Set(["Relu", "Clip"]);

/** A grid as the file has it. */
interface StoredGrid extends Grid { names: [scale: string, zero: string] }

/**
 * Writes a model whose weights are integers so that its activations are, too: as QuantizeLinear and DequantizeLinear around standard operators, which onnxruntime takes
 * for integer kernels (Jacob et al.: arXiv 1712.05877). What only moves elements does so with integers, functions of one value are tables.
 * @param ranges of the values that {@link sourcesOf} names
 * @param errors what nodes' outputs are off by on average, channel by channel, which their biases take back
 */
export async function quantizeActivations(model: Model, plan: IntegerPlan, ranges: ReadonlyMap<string, Range>, runtime: Runtime, errors?: ReadonlyMap<Node, Float64Array>): Promise<ModelEdit> {
  return new Quantizing(model, plan, ranges, runtime, errors).run();
}

class Quantizing {
  private readonly edit: ModelEdit;
  private readonly graph: Graph;
  private readonly grids = new Map<string, StoredGrid>();
  /** Names of values as integers, and of those as floats made from these. */
  private readonly integers = new Map<string, string>();
  private readonly restored = new Map<string, string>();
  private readonly cache: ConstantCache = new Map();
  private readonly consumers: Map<string, Node[]>;

  constructor(private readonly model: Model, private readonly plan: IntegerPlan, private readonly ranges: ReadonlyMap<string, Range>, private readonly runtime: Runtime, private readonly errors?: ReadonlyMap<Node, Float64Array>) {
    this.edit = new ModelEdit(model);
    this.graph = model.graph;
    this.consumers = model.graph.consumers;
  }

  async run(): Promise<ModelEdit> {
    const { edit, graph, plan } = this;
    for (const [root, grid] of gridsOf(plan, this.ranges)) this.grids.set(root, this.store(grid));
    for (const { name } of graph.inputs) if (plan.entries.has(name)) edit.insertNodes(graph, "start", this.entering(name));
    for (const node of graph.nodes) await this.write(node);
    return edit;
  }

  private store(grid: Grid): StoredGrid {
    return { ...grid, names: [this.constant({ dims: [], type: DataType.FLOAT, raw: bytesOf(Float32Array.of(grid.scale)) }), this.constant({ dims: [], type: DataType.UINT8, raw: Uint8Array.of(grid.zero) })] };
  }

  private readonly known = new Map<string, string>();

  /** A constant, once for all that need the same. */
  private constant(data: Omit<TensorData, "name">): string {
    const key = `${data.type} ${data.dims.join()} ${data.raw?.join()}`;
    let name = this.known.get(key);
    if (name === undefined) {
      this.known.set(key, name = this.edit.freshName());
      this.edit.addInitializer(this.graph, { ...data, name });
    }
    return name;
  }

  private gridOf(name: string): StoredGrid { return this.grids.get(this.plan.grids.get(name)!)!; }

  /** Makes integers of a value that exists as floats. */
  private entering(name: string): NodeSpec[] {
    const { names } = this.gridOf(name), whole = this.edit.freshName(), back = this.edit.freshName(), guard = this.guard(name), floats = guard?.outputs[0] ?? name;
    this.integers.set(name, whole);
    this.restored.set(name, back);
    return [...(guard ? [guard] : []), { op: "QuantizeLinear", inputs: [floats, ...names], outputs: [whole] }, ...(this.isWantedAsFloats(name, true) ? [{ op: "DequantizeLinear", inputs: [whole, ...names], outputs: [back] }] : [])];
  }

  /**
   * What keeps a layer of floats that takes integers from being one of integers: where its output is rounded at once, onnxruntime (1.21 and later: WeightBiasQuantization) rounds its weight to
   * 8 bits, too, and computes with integers.
   */
  private guard(name: string): NodeSpec | undefined {
    const { graph, plan } = this, producer = graph.producers.get(name), node = producer && ACTIVATIONS.has(producer.op) ? graph.producers.get(producer.inputs[0]) : producer;
    if (!node || !WITH_WEIGHTS.has(node.op) || plan.kinds.get(node) !== "float" || !plan.grids.has(node.inputs[0]) || plan.entries.has(node.inputs[0])) return undefined;
    return { op: GUARD.op, inputs: [name, this.constant({ dims: [], type: DataType.FLOAT, raw: bytesOf(Float32Array.of(GUARD.bound)) })], outputs: [this.edit.freshName()] };
  }

  /** Makes floats of a value that exists as integers, under its own name, where somebody needs them. */
  private leaving(name: string, whole: string): NodeSpec[] {
    this.integers.set(name, whole);
    return this.isWantedAsFloats(name, false) ? [{ op: "DequantizeLinear", inputs: [whole, ...this.gridOf(name).names], outputs: [name] }] : [];
  }

  /** Whether nodes take a value in the form of floats: integer kernels do. Those that stay float take an entry as it was. */
  private isWantedAsFloats(name: string, isEntry: boolean): boolean {
    const { kinds, regions } = this.plan, regionOf = (node: Node) => [...regions.values()].find(({ nodes, from }) => from === name && nodes.includes(node));
    if (!isEntry && this.graph.outputs.some((output) => output.name === name)) return true;
    return (this.consumers.get(name) ?? []).some((node) => {
      const kind = kinds.get(node);
      if (kind === "native" || kind === "clamp") return true;
      if (kind === "move" || kind === "fixed" || SIZES.has(node.op)) return false;
      return kind === "table" ? !regionOf(node) : !isEntry;
    });
  }

  private after(node: Node, specs: NodeSpec[]): void {
    if (specs.length) this.edit.insertNodes(this.graph, this.graph.nodes[node.index + 1] ?? "end", specs);
  }

  private async write(node: Node): Promise<void> {
    const { edit, graph, plan } = this, kind = plan.kinds.get(node), region = plan.regions.get(node);
    if (region) await this.writeTable(region);
    else if (kind === "table") {
      edit.removeNode(node);
      for (const name of node.outputs) edit.undeclare(this.graph, name);
    } else if (kind === "move") this.writeMove(node);
    else if (kind === "fixed") await this.writeFixed(node);
    else if (kind === "clamp" && plan.kinds.get(graph.producers.get(node.inputs[0])!) === "fixed") edit.removeNode(node);
    else if (kind === "native" || kind === "clamp") await this.writeNative(node);
    else {
      if (SIZES.has(node.op) && this.integers.has(node.inputs[0])) edit.setNodeInputs(node, [this.integers.get(node.inputs[0])!]);
      for (const name of node.outputs) if (plan.entries.has(name)) this.after(node, this.entering(name));
    }
  }

  /** An operator with an integer kernel: everything it takes comes out of DequantizeLinear, what it gives goes into QuantizeLinear. */
  private async writeNative(node: Node): Promise<void> {
    const { edit, plan } = this, [output] = node.outputs, inputs: string[] = [];
    for (const [i, name] of node.inputs.entries()) inputs.push(await this.operand(node, i, name));
    if (inputs.some((name, i) => name !== node.inputs[i])) edit.setNodeInputs(node, inputs);
    if (!plan.grids.has(output)) return;
    const exact = edit.freshName(), whole = edit.freshName(), { names } = this.gridOf(output);
    edit.setNodeOutputs(node, [exact]);
    this.after(node, [{ op: "QuantizeLinear", inputs: [exact, ...names], outputs: [whole] }, ...this.leaving(output, whole)]);
  }

  private async operand(node: Node, i: number, name: string): Promise<string> {
    if (this.restored.has(name)) return this.restored.get(name)!;
    if (!name || this.plan.grids.has(name) || this.plan.kinds.get(node) === "clamp" || this.graph.producers.get(name)?.op === "DequantizeLinear") return name;
    if ((node.op === "Conv" || node.op === "Gemm") && i === 2) return this.bias(node, name);
    if (node.op === "Add" || node.op === "Mul") return this.quantizedConstant(name);
    return name;
  }

  /** A bias as int32 on the grid of the sums: scale of the input times that of the weight, for each channel. */
  private async bias(node: Node, name: string): Promise<string> {
    const { model, graph, edit } = this, tensor = constantTensor(graph, name), weight = graph.producers.get(node.inputs[1])!;
    const scales = await evaluateConstant(model, graph, weight.inputs[1], this.cache), values = tensor && await readFloats(model, tensor), { scale, names: [scaleName] } = this.gridOf(node.inputs[0]);
    if (!scales || !values) return name;
    const errors = this.errors?.get(node), whole = Int32Array.from(values, (v, m) => {
      const step = Math.fround(scale * Number(scales.data[scales.data.length > 1 ? m : 0]));
      return Math.max(-(2 ** 31 - 1), Math.min(2 ** 31 - 1, Math.round((v - (errors?.[m] ?? 0)) / step)));
    });
    const integers = edit.freshName(), step = edit.freshName(), floats = edit.freshName();
    edit.addInitializer(graph, { name: integers, dims: [whole.length], type: DataType.INT32, raw: bytesOf(whole) });
    edit.insertNodes(graph, node, [
      { op: "Mul", inputs: [weight.inputs[1], scaleName], outputs: [step] },
      { op: "DequantizeLinear", inputs: [integers, step], outputs: [floats], attributes: scales.data.length > 1 ? { axis: 0 } : undefined },
    ]);
    if (graph.initializers.has(name) && this.consumers.get(name)?.length === 1) edit.removeInitializer(graph, name);
    return floats;
  }

  /** A constant operand of a sum or product as integers of a grid of its own. */
  private async quantizedConstant(name: string): Promise<string> {
    const { model, graph, edit } = this, tensor = constantTensor(graph, name)!, values = await readFloats(model, tensor);
    const grid = gridOfValues(values), { names } = this.store(grid);
    const whole = this.constant({ dims: tensor.dims, type: DataType.UINT8, raw: Uint8Array.from(values, (v) => toGrid(v, grid)) }), floats = edit.freshName();
    edit.insertNodes(graph, "start", [{ op: "DequantizeLinear", inputs: [whole, ...names], outputs: [floats] }]);
    return floats;
  }

  /** Batch normalization as (A·q + B) >> k in 32 bits; shifts are of unsigned integers, so sums are lifted above zero before. A rectifier behind is the end of its grid. */
  private async writeFixed(node: Node): Promise<void> {
    const { edit, graph, model } = this, [x] = node.inputs, [next] = this.consumers.get(node.outputs[0]) ?? [], clamp = this.plan.kinds.get(next) === "clamp" && next.inputs[0] === node.outputs[0] ? next : undefined;
    const [output] = (clamp ?? node).outputs, map = await affineOf(model, node), channels = fixedNormalization(map!, this.gridOf(x), this.gridOf(output)), rank = inferFacts(model).get(graph)?.get(x)?.shape?.length ?? 4, dims = [channels.length, ...new Array<number>(rank - 2).fill(1)];
    const lifts = channels.map(({ a, b, shift }) => Math.ceil(Math.max(0, -Math.min(b, a * LEVELS + b)) / 2 ** shift));
    const vector = (values: readonly number[], type: number) => this.constant({ dims, type, raw: bytesOf(Int32Array.from(values)) }), { INT32, UINT32, UINT8 } = DataType;
    const [wide, product, sum, unsigned, shifted, signed, level, clipped, whole] = Array.from({ length: 9 }, () => edit.freshName());
    const bound = (value: number) => this.constant({ dims: [], type: INT32, raw: bytesOf(Int32Array.of(value)) });
    edit.replaceNode(node, [
      { op: "Cast", inputs: [this.integers.get(x)!], outputs: [wide], attributes: { to: INT32 } },
      { op: "Mul", inputs: [wide, vector(channels.map(({ a }) => a), INT32)], outputs: [product] },
      { op: "Add", inputs: [product, vector(channels.map(({ b, shift }, m) => b + lifts[m] * 2 ** shift), INT32)], outputs: [sum] },
      { op: "Cast", inputs: [sum], outputs: [unsigned], attributes: { to: UINT32 } },
      { op: "BitShift", inputs: [unsigned, vector(channels.map(({ shift }) => shift), UINT32)], outputs: [shifted], attributes: { direction: "RIGHT" } },
      { op: "Cast", inputs: [shifted], outputs: [signed], attributes: { to: INT32 } },
      { op: "Sub", inputs: [signed, vector(lifts, INT32)], outputs: [level] },
      { op: "Clip", inputs: [level, bound(0), bound(LEVELS)], outputs: [clipped] },
      { op: "Cast", inputs: [clipped], outputs: [whole], attributes: { to: UINT8 }, name: node.name },
    ]);
    for (const name of node.outputs) edit.undeclare(graph, name);
    this.after(clamp ?? node, this.leaving(output, whole));
  }

  private writeMove(node: Node): void {
    const { edit, graph } = this, wholes = node.outputs.map((name) => name && edit.freshName());
    const inputs = node.inputs.map((name) => this.integers.get(name) ?? name);
    if (node.op === "Pad") inputs[2] = this.gridOf(node.inputs[0]).names[1];
    edit.setNodeInputs(node, inputs);
    edit.setNodeOutputs(node, wholes);
    const specs: NodeSpec[] = [];
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const back = this.leaving(name, wholes[i]);
      if (!back.length) edit.undeclare(graph, name);
      specs.push(...back);
    });
    this.after(node, specs);
  }

  /** All 256 values of a function, computed by onnxruntime. */
  private async writeTable({ from, to, nodes }: Region): Promise<void> {
    const { edit, graph, model } = this, grid = this.gridOf(from), result = this.gridOf(to);
    const bytes = await extract(model, { inputs: [from], outputs: [to], inputShapes: new Map([[from, { type: DataType.FLOAT, shape: [LEVELS + 1] }]]) });
    const session = await this.runtime.open(bytes, { device: "cpu", threads: 1 });
    try {
      const points = Float32Array.from({ length: LEVELS + 1 }, (_, q) => grid.scale * (q - grid.zero));
      const { [to]: { data } } = await session.run({ [from]: { dims: [LEVELS + 1], data: points } });
      const table = this.constant({ dims: [LEVELS + 1], type: DataType.UINT8, raw: Uint8Array.from(data, (v) => toGrid(v, result)) }), index = edit.freshName(), whole = edit.freshName();
      const last = nodes[nodes.length - 1];
      edit.replaceNode(last, [{ op: "Cast", inputs: [this.integers.get(from)!], outputs: [index], attributes: { to: DataType.INT32 } }, { op: "Gather", inputs: [table, index], outputs: [whole], name: last.name }]);
      const back = this.leaving(to, whole);
      if (!back.length) edit.undeclare(graph, to);
      this.after(last, back);
    } finally {
      await session.release();
    }
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
