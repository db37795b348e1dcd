import { multiplierOf, scaleInteger } from "../../numeric/fixed-point";
import { broadcastDims, broadcastSteps, walk } from "../../onnx/arrays";
import { extract } from "../../onnx/extract";
import type { Model } from "../../onnx/model";
import { DataType } from "../../onnx/tensor";
import type { AnyTensor, Runtime, Session, Tensor } from "../../runtime/runtime";
import type { AffineStep, Grid, IntegerProgram, JoinStep, PairStep, PoolStep, ProductStep, SoftmaxStep, Step } from "./program";
import { convolve, linear, requantized, sizesOf, type Whole } from "./sums";

type Value = Whole | Tensor;
const isWhole = (value: Value): value is Whole => value.data instanceof Uint8Array;

/** What an executor cannot do with integers, for people: the nodes of a file that are left to floats. */
export const floatNodes = ({ steps }: IntegerProgram): string[] => steps.flatMap(({ operation }) => (operation.kind === "float" ? operation.nodes.map(({ op, name }) => (name ? `${op} ${name}` : op)) : []));

/** Runs an integer network with integers alone: 32-bit sums, fixed-point multipliers, saturation. What moves elements, and what a file leaves to floats, runs on onnxruntime. */
export class IntegerExecutor implements Session {
  readonly device = "cpu";
  private readonly sessions = new Map<Step, Session>();
  private readonly lastUse = new Map<string, number>();

  private constructor(private readonly program: IntegerProgram) {
    program.steps.forEach(({ inputs }, at) => { for (const name of inputs) this.lastUse.set(name, at); });
    for (const name of program.outputs) this.lastUse.set(name, Infinity);
  }

  get inputNames(): string[] { return [this.program.input]; }
  get outputNames(): string[] { return this.program.outputs; }

  /** @param model the file that the program was read from */
  static async open(program: IntegerProgram, model: Model, runtime: Runtime): Promise<IntegerExecutor> {
    const executor = new IntegerExecutor(program);
    for (const step of program.steps) {
      const { operation: { kind }, inputs, outputs } = step;
      if (kind !== "move" && kind !== "float") continue;
      const inputShapes = new Map(inputs.map((name) => [name, { type: program.grids.has(name) ? DataType.UINT8 : DataType.FLOAT }]));
      executor.sessions.set(step, await runtime.open(await extract(model, { inputs, outputs, inputShapes }), { device: "cpu", threads: 1 }));
    }
    return executor;
  }

  /** Makes an executor serve as a session. */
  run(inputs: Record<string, AnyTensor>): Promise<Record<string, Tensor>> {
    const { dims, data } = inputs[this.program.input];
    return this.follow({ dims, data: data instanceof Float32Array ? data : Float32Array.from<number | bigint>(data, Number) });
  }

  /** @param onStep sees each step's operands and results @returns the network's outputs */
  async follow(input: Tensor, onStep?: (step: Step, inputs: readonly Value[], outputs: readonly Value[]) => void): Promise<Record<string, Tensor>> {
    const values = new Map<string, Value>([[this.program.input, input]]);
    for (const [at, step] of this.program.steps.entries()) {
      const inputs = step.inputs.map((name) => values.get(name)!), outputs = await this.step(step, inputs);
      outputs.forEach((value, i) => values.set(step.outputs[i], value));
      onStep?.(step, inputs, outputs);
      for (const name of step.inputs) if (this.lastUse.get(name) === at) values.delete(name);
    }
    return Object.fromEntries(this.program.outputs.map((name) => [name, asFloats(values.get(name)!)]));
  }

  async release(): Promise<void> { for (const session of this.sessions.values()) await session.release(); }

  private async step(step: Step, inputs: readonly Value[]): Promise<Value[]> {
    const { operation } = step, [x] = inputs;
    if (operation.kind === "quantize") return [quantize(x, operation.grid)];
    if (operation.kind === "move" || operation.kind === "float") return this.inSession(step, inputs);
    const wholes = inputs.filter(isWhole), [first, second] = wholes;
    switch (operation.kind) {
      case "dequantize": return [dequantize(first, operation.grid)];
      case "convolution": return [convolve(operation, first)];
      case "linear": return [linear(operation, first)];
      case "affine": return [affine(operation, first)];
      case "product": return [multiply(operation, first, second)];
      case "table": return [{ dims: first.dims, data: first.data.map((q) => operation.table[q]) }];
      case "pair": return [combine(operation, first, second)];
      case "pool": return [pool(operation, first)];
      case "softmax": return [softmax(operation, first)];
      case "join": return [join(operation, wholes)];
    }
  }

  private async inSession(step: Step, inputs: readonly Value[]): Promise<Value[]> {
    const session = this.sessions.get(step)!, results = await session.run(Object.fromEntries(step.inputs.map((name, i) => [name, inputs[i]])));
    return step.outputs.map((name) => { const { dims, data } = results[name]; return step.operation.kind === "move" ? { dims, data: new Uint8Array(data) } : { dims, data }; });
  }
}

const asFloats = ({ dims, data }: Value): Tensor => ({ dims, data: data instanceof Uint8Array ? new Float32Array(data) : data });

/** The nearest integer, halves to even as QuantizeLinear has it. */
function quantize({ dims, data }: Value, { scale, zero }: Grid): Whole {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const q = Math.fround(data[i] / scale), low = Math.floor(q), rest = q - low;
    out[i] = Math.max(0, Math.min(255, (rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low) + zero));
  }
  return { dims, data: out };
}

const dequantize = ({ dims, data }: Whole, { scale, zero }: Grid): Tensor => ({ dims, data: Float32Array.from(data, (q) => (q - zero) * scale) });

/** A channel has 256 inputs, so each is computed once. */
function affine({ channels }: AffineStep, { dims, data }: Whole): Whole {
  const size = dims.slice(2).reduce((a, b) => a * b, 1), out = new Uint8Array(data.length);
  const tables = channels.map(({ a, b, shift }) => Uint8Array.from({ length: 256 }, (_, q) => Math.max(0, Math.min(255, (a * q + b) >> shift))));
  for (let map = 0, at = 0; at < data.length; map++) {
    const table = tables[map % channels.length];
    for (const end = at + size; at < end; at++) out[at] = table[data[at]];
  }
  return { dims, data: out };
}

function combine({ table, constant }: PairStep, x: Whole, y: Whole | undefined): Whole {
  const other = constant ?? y!, [a, b] = constant?.place === 0 ? [other, x] : [x, other], dims = broadcastDims(a.dims, b.dims), out = new Uint8Array(dims.reduce((p, q) => p * q, 1));
  if (a.data.length === out.length && b.data.length === out.length) for (let i = 0; i < out.length; i++) out[i] = table[(a.data[i] << 8) | b.data[i]];
  else walk(dims, [broadcastSteps(a.dims, dims), broadcastSteps(b.dims, dims)], [0, 0], (i, p, q) => { out[i] = table[(a.data[p] << 8) | b.data[q]]; });
  return { dims, data: out };
}

/** Means of windows, of which only what lies in the map counts unless the pads do too. */
function pool({ window, countsPads, ceil, zeroIn, zeroOut, factor }: PoolStep, x: Whole): Whole {
  const [batch, channels] = x.dims, isLine = x.dims.length === 3, height = isLine ? 1 : x.dims[2], width = isLine ? x.dims[2] : x.dims[3];
  const { kernel: [kh, kw], strides: [sh, sw], dilations: [dh, dw], pads: [top, left, bottom, right] } = window ?? { kernel: [height, width], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
  const grow = (size: number, stride: number, low: number, high: number, extent: number) => (ceil ? Math.max(0, Math.min(stride - 1, (stride - (size + low + high - extent) % stride) % stride)) : 0);
  const [oh, ow] = sizesOf({ kernel: [kh, kw], strides: [sh, sw], dilations: [dh, dw], pads: [top, left, bottom + grow(height, sh, top, bottom, dh * (kh - 1) + 1), right + grow(width, sw, left, right, dw * (kw - 1) + 1)] }, height, width);
  const out = new Uint8Array(batch * channels * oh * ow), byCount = new Map<number, ReturnType<typeof multiplierOf>>();
  const multiplier = (count: number) => { let known = byCount.get(count); if (!known) byCount.set(count, known = multiplierOf(factor / count)); return known; };
  const results = new Map<number, Map<number, number>>();
  const mean = (sum: number, count: number): number => {
    let known = results.get(count), result = known?.get(sum);
    if (!known) results.set(count, known = new Map());
    if (result === undefined) known.set(sum, result = Math.max(0, Math.min(255, scaleInteger(sum, multiplier(count)) + zeroOut)));
    return result;
  };
  for (let map = 0, to = 0; map < batch * channels; map++) {
    const base = map * height * width;
    for (let oy = 0; oy < oh; oy++) for (let ox = 0; ox < ow; ox++, to++) {
      let sum = 0, inside = 0, padded = 0;
      for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) {
        const y = oy * sh - top + a * dh, xx = ox * sw - left + b * dw;
        if (y < height + bottom && xx < width + right) padded++;
        if (y < 0 || y >= height || xx < 0 || xx >= width) continue;
        sum += x.data[base + y * width + xx] - zeroIn;
        inside++;
      }
      out[to] = mean(sum, countsPads ? padded : inside);
    }
  }
  return { dims: isLine ? [batch, channels, ow] : [batch, channels, oh, ow], data: out };
}

function multiply({ zeros: [za, zb], multiplier, zeroOut }: ProductStep, a: Whole, b: Whole): Whole {
  const rows = a.dims[a.dims.length - 2], inner = a.dims[a.dims.length - 1], columns = b.dims[b.dims.length - 1], outer = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  const count = outer.reduce((p, q) => p * q, 1), sums = new Int32Array(count * rows * columns);
  walk(outer, [broadcastSteps(a.dims.slice(0, -2), outer), broadcastSteps(b.dims.slice(0, -2), outer)], [0, 0], (i, p, q) => {
    const x = p * rows * inner, y = q * inner * columns, to = i * rows * columns;
    for (let r = 0; r < rows; r++) for (let k = 0; k < inner; k++) {
      const v = a.data[x + r * inner + k] - za;
      if (v !== 0) for (let c = 0; c < columns; c++) sums[to + r * columns + c] += v * (b.data[y + k * columns + c] - zb);
    }
  });
  return { dims: [...outer, rows, columns], data: requantized(sums, 1, [multiplier], zeroOut) };
}

/** Powers from a table, their sum, and a division of integers that rounds to the nearest. */
function softmax({ axis, powers, zeroOut, factor }: SoftmaxStep, x: Whole): Whole {
  const { dims, data } = x, place = axis < 0 ? axis + dims.length : axis, size = dims[place], inner = dims.slice(place + 1).reduce((a, b) => a * b, 1), out = new Uint8Array(data.length), levels = Math.round(factor);
  for (let start = 0; start < data.length; start += size * inner) for (let j = 0; j < inner; j++) {
    let top = 0, sum = 0;
    for (let i = 0; i < size; i++) top = Math.max(top, data[start + i * inner + j]);
    for (let i = 0; i < size; i++) sum += powers[top - data[start + i * inner + j]];
    for (let i = 0; i < size; i++) out[start + i * inner + j] = Math.min(255, Math.floor((2 * powers[top - data[start + i * inner + j]] * levels + sum) / (2 * sum)) + zeroOut);
  }
  return { dims, data: out };
}

function join({ axis, parts: grids }: JoinStep, parts: readonly Whole[]): Whole {
  const [{ dims }] = parts, place = axis < 0 ? axis + dims.length : axis, outer = dims.slice(0, place).reduce((a, b) => a * b, 1), inner = dims.slice(place + 1).reduce((a, b) => a * b, 1);
  const size = parts.reduce((sum, part) => sum + part.dims[place], 0), out = new Uint8Array(outer * size * inner);
  let start = 0;
  parts.forEach((part, i) => {
    const run = part.dims[place] * inner, table = grids[i]?.table, data = table ? part.data.map((q) => table[q]) : part.data;
    for (let o = 0; o < outer; o++) out.set(data.subarray(o * run, (o + 1) * run), o * size * inner + start);
    start += run;
  });
  return { dims: dims.map((dim, at) => (at === place ? size : dim)), data: out };
}
