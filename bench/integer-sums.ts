import { convolve, linearSums, type Whole } from "../src/evaluation/integer/sums";
import type { ConvolutionStep, LinearStep, Step } from "../src/evaluation/integer/program";
import { buildModel } from "../src/onnx/build";
import type { NodeSpec, TensorData } from "../src/onnx/encode";
import { DataType } from "../src/onnx/tensor";
import type { Runtime, Tensor } from "../src/runtime/runtime";

/** Sums of 32 bits come out as floats of 24: in two parts each. */
const PART = 4096;

/** How many sums of 32 bits a step makes of its inputs, and how many of them are not those of onnxruntime's ConvInteger or MatMulInteger; undefined for steps that make none. */
export async function checkSums({ operation }: Step, [x]: readonly (Whole | Tensor)[], runtime: Runtime): Promise<{ sums: number; differing: number } | undefined> {
  if ((operation.kind !== "convolution" && operation.kind !== "linear") || !(x.data instanceof Uint8Array)) return undefined;
  const whole: Whole = { dims: x.dims, data: x.data }, own = operation.kind === "convolution" ? convolutionSums(operation, whole) : withoutBias(operation, linearSums(operation, whole)), theirs = await referenceSums(operation, whole, runtime);
  if (own.length !== theirs.length) throw new Error(`${own.length} sums, and ${theirs.length} of onnxruntime`);
  return { sums: own.length, differing: own.reduce((count, sum, i) => count + (sum === theirs[i] ? 0 : 1), 0) };
}

/** [N, outputs, positions], before the bias. */
function convolutionSums(step: ConvolutionStep, x: Whole): Int32Array {
  const parts: { at: number; apart: number; values: Int32Array; channels: number; count: number; stride: number }[] = [];
  let size = 0;
  const { dims } = convolve(step, x, (sums, { image, channel, channels, first, count, stride }) => {
    size = Math.max(size, first + count);
    parts.push({ at: (image * step.outputs + channel), apart: first, values: sums.slice(), channels, count, stride });
  });
  const out = new Int32Array(dims.reduce((a, b) => a * b, 1));
  for (const { at, apart, values, channels, count, stride } of parts) for (let i = 0; i < count; i++) for (let c = 0; c < channels; c++) out[(at + c) * size + apart + i] = values[i * stride + c];
  return out;
}

const withoutBias = ({ bias, outputs }: LinearStep, sums: Int32Array): Int32Array => sums.map((sum, i) => sum - bias[i % outputs]);

async function referenceSums(step: ConvolutionStep | LinearStep, { dims, data }: Whole, runtime: Runtime): Promise<Int32Array> {
  const { weight, outputs, zeroIn } = step, inputs = weight.length / outputs, isConvolution = step.kind === "convolution";
  // weights [outputs, channels, kernel] of a convolution, [inputs, outputs] of a linear layer, both with their zero at 128
  const bytes = isConvolution ? Uint8Array.from(weight, (q) => q + 128) : Uint8Array.from({ length: weight.length }, (_, i) => weight[i % outputs * inputs + Math.floor(i / outputs)] + 128);
  const kernel = isConvolution ? (dims.length === 3 ? step.kernel.slice(1) : step.kernel) : [], [top, left, bottom, right] = isConvolution ? step.pads : [0, 0, 0, 0];
  const attributes = isConvolution && (dims.length === 3 ? { group: step.groups, kernel_shape: [...kernel], strides: [step.strides[1]], dilations: [step.dilations[1]], pads: [left, right] } : { group: step.groups, kernel_shape: [...kernel], strides: [...step.strides], dilations: [...step.dilations], pads: [top, left, bottom, right] });
  const scalar = (name: string, type: number, raw: Uint8Array): TensorData => ({ name, dims: [], type, raw });
  const nodes: NodeSpec[] = [
    { op: isConvolution ? "ConvInteger" : "MatMulInteger", inputs: ["x", "w", "zx", "zw"], outputs: ["y"], attributes: attributes || undefined },
    { op: "Div", inputs: ["y", "part"], outputs: ["high"] }, { op: "Mul", inputs: ["high", "part"], outputs: ["whole"] }, { op: "Sub", inputs: ["y", "whole"], outputs: ["low"] },
  ];
  const session = await runtime.open(buildModel({
    nodes, initializers: [{ name: "w", dims: isConvolution ? [outputs, inputs / kernel.reduce((a, b) => a * b, 1), ...kernel] : [inputs, outputs], type: DataType.UINT8, raw: bytes }, scalar("zx", DataType.UINT8, Uint8Array.of(zeroIn)), scalar("zw", DataType.UINT8, Uint8Array.of(128)), scalar("part", DataType.INT32, new Uint8Array(Int32Array.of(PART).buffer))],
    inputs: [{ name: "x", type: DataType.UINT8, shape: [...dims] }], outputs: ["high", "low"].map((name) => ({ name, type: DataType.INT32 })),
  }), { threads: 1, device: "cpu" });
  try {
    const { high, low } = await session.run({ x: { dims, data } });
    return Int32Array.from(high.data, (v, i) => v * PART + low.data[i]);
  } finally {
    await session.release();
  }
}
