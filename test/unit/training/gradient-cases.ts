/** One small network with PyTorch's words for it. */
export interface GradientCase {
  name: string;
  nodes: { op: string; inputs: string[]; outputs: string[]; attributes?: Record<string, number | string | number[] | { float: number }> }[];
  /** Differentiable tensors; the one named x comes from outside. */
  inputs: Record<string, { dims: number[]; positive?: boolean; scale?: number }>;
  constants?: { name: string; values: number[]; dims?: number[]; isFloat?: boolean }[];
  tensors?: Record<string, number[]>;
  opset?: number;
  /** An expression of `v`'s tensors, `torch` and `F`. */
  torch: string;
  /** Tensors that get no gradient here. */
  without?: string[];
  statistics?: "batch" | "fixed";
}

type Attributes = GradientCase["nodes"][number]["attributes"];

const node = (op: string, inputs: string[], attributes?: Attributes) => ({ op, inputs, outputs: ["y"], attributes });

/** x through one operator. */
const unary = (op: string, torch: string, attributes?: Attributes, scale = 4, dims = [2, 3, 4, 5]): GradientCase => ({ name: `${op} ${JSON.stringify(attributes ?? {})}`, nodes: [node(op, ["x"], attributes)], inputs: { x: { dims, scale } }, torch });

interface ConvolutionOptions { n?: number; c: number; m: number; size: number[]; k: number[]; strides?: number[]; pads?: number[]; dilations?: number[]; groups?: number; bias?: boolean; without?: string[] }

function convolution({ n = 2, c, m, size, k, strides = k.map(() => 1), pads = [...k, ...k].map(() => 0), dilations = k.map(() => 1), groups = 1, bias = false, without }: ConvolutionOptions): GradientCase {
  const rank = k.length, torchPads = k.flatMap((_, i) => [pads[rank - 1 - i], pads[2 * rank - 1 - i]]);
  return {
    name: `Conv ${n}×${c}→${m} on ${size.join("×")}, kernel ${k.join("×")}, strides ${strides.join()}, pads ${pads.join()}, dilations ${dilations.join()}, groups ${groups}${bias ? ", bias" : ""}`, without,
    nodes: [node("Conv", ["x", "w", ...(bias ? ["b"] : [])], { strides, pads, dilations, group: groups, kernel_shape: k })],
    inputs: { x: { dims: [n, c, ...size] }, w: { dims: [m, c / groups, ...k] }, ...(bias ? { b: { dims: [m] } } : {}) },
    torch: `F.conv${rank}d(F.pad(x, ${JSON.stringify(torchPads)}), w, ${bias ? "b" : "None"}, stride=${JSON.stringify(strides)}, dilation=${JSON.stringify(dilations)}, groups=${groups})`,
  };
}

const binary = (op: string, sign: string, a: number[], b: number[]): GradientCase =>
  ({ name: `${op} ${a.join("×")} and ${b.join("×")}`, nodes: [node(op, ["x", "w"])], inputs: { x: { dims: a }, w: { dims: b, positive: op === "Div" } }, torch: `x ${sign} w` });

const BROADCASTS: [number[], number[]][] = [[[2, 3, 4, 5], [2, 3, 4, 5]], [[2, 3, 4, 5], [3, 1, 1]], [[2, 3, 4, 5], [1, 3, 1, 1]], [[2, 3, 4, 5], [2, 3, 1, 1]], [[2, 3, 4, 5], [5]], [[2, 3, 4, 5], []], [[2, 3, 4, 5], [1]], [[4, 1], [2, 3, 4, 5]], [[2, 1, 4, 1], [1, 3, 1, 5]], [[1, 3, 1, 1], [2, 3, 4, 5]], [[4, 6], [6]]];
const CONVOLUTIONS: ConvolutionOptions[] = [
  { c: 4, m: 5, size: [8, 8], k: [3, 3], pads: [1, 1, 1, 1], bias: true }, { c: 3, m: 6, size: [7, 9], k: [3, 3], pads: [1, 1, 1, 1] }, { c: 4, m: 4, size: [5, 5], k: [3, 3] }, { c: 4, m: 6, size: [2, 2], k: [3, 3], pads: [1, 1, 1, 1] }, { c: 4, m: 6, size: [1, 1], k: [3, 3], pads: [1, 1, 1, 1] },
  { c: 4, m: 6, size: [8, 8], k: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, { c: 4, m: 6, size: [7, 7], k: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] }, { c: 4, m: 6, size: [9, 8], k: [3, 3], strides: [2, 3], pads: [1, 0, 1, 2] },
  { c: 6, m: 4, size: [6, 6], k: [1, 1] }, { c: 6, m: 4, size: [7, 6], k: [1, 1], strides: [2, 2], bias: true }, { c: 3, m: 8, size: [12, 12], k: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] }, { c: 3, m: 4, size: [9, 9], k: [5, 5], pads: [2, 2, 2, 2] },
  { c: 4, m: 4, size: [9, 9], k: [3, 3], pads: [2, 2, 2, 2], dilations: [2, 2] }, { c: 4, m: 6, size: [8, 8], k: [3, 3], pads: [1, 1, 1, 1], groups: 2 }, { c: 6, m: 6, size: [8, 8], k: [3, 3], pads: [1, 1, 1, 1], groups: 6, bias: true },
  { c: 6, m: 6, size: [8, 8], k: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], groups: 6 }, { c: 6, m: 12, size: [8, 8], k: [5, 5], pads: [2, 2, 2, 2], groups: 6 }, { n: 8, c: 1, m: 4, size: [28], k: [6], strides: [2], without: ["x"] }, { n: 8, c: 2, m: 4, size: [12], k: [6], strides: [2], groups: 2 }, { c: 4, m: 6, size: [11], k: [3], pads: [1, 1] }, { c: 4, m: 6, size: [11], k: [3], strides: [2], pads: [0, 1], dilations: [2], groups: 2 },
  { c: 2, m: 3, size: [4, 5, 6], k: [3, 2, 3], strides: [1, 2, 2], pads: [1, 0, 1, 1, 1, 1] }, { c: 4, m: 6, size: [6, 9], k: [1, 3], pads: [0, 1, 0, 1] }, { c: 4, m: 6, size: [6, 9], k: [3, 1], pads: [1, 0, 0, 0] }, { n: 5, c: 16, m: 16, size: [16, 16], k: [3, 3], pads: [1, 1, 1, 1] }, { n: 3, c: 8, m: 16, size: [4, 4], k: [3, 3], pads: [1, 1, 1, 1] }, { n: 3, c: 8, m: 16, size: [6, 6], k: [3, 3], pads: [1, 1, 1, 1] },
  // maps of all sides, whole tiles and pieces of them, lines shorter than the kernel, several blocks of tiles
  ...[1, 2, 3, 4, 5, 7, 8, 14, 28, 32].map((side): ConvolutionOptions => ({ n: 2, c: 5, m: 3, size: [side, side], k: [3, 3], pads: [1, 1, 1, 1] })),
  ...[2, 4, 5, 7, 8, 14].map((side): ConvolutionOptions => ({ n: 3, c: 5, m: 4, size: [side, side], k: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })),
  { n: 1, c: 8, m: 8, size: [14, 9], k: [3, 3], pads: [1, 1, 1, 1] }, { n: 1, c: 8, m: 8, size: [32, 6], k: [3, 3], pads: [1, 0, 0, 2] }, { c: 5, m: 6, size: [11, 13], k: [3, 3], pads: [0, 2, 1, 0] }, { c: 5, m: 6, size: [2, 12], k: [3, 3], pads: [2, 2, 2, 2] }, { c: 5, m: 6, size: [2, 2], k: [3, 3], pads: [0, 1, 1, 0] },
  { c: 5, m: 6, size: [13, 10], k: [3, 3], strides: [3, 2], pads: [1, 1, 1, 1] }, { c: 5, m: 6, size: [9, 9], k: [2, 2], strides: [2, 2] }, { c: 5, m: 6, size: [9, 8], k: [1, 1], strides: [3, 2] }, { c: 5, m: 6, size: [12, 12], k: [2, 2], strides: [3, 3] }, { c: 5, m: 6, size: [12, 12], k: [5, 5], strides: [2, 2], pads: [2, 2, 2, 2] },
  { c: 5, m: 6, size: [12, 10], k: [7, 7], pads: [3, 3, 3, 3] }, { c: 5, m: 6, size: [3, 3], k: [5, 5], pads: [2, 2, 2, 2] }, { c: 5, m: 6, size: [20, 4], k: [9, 1], pads: [4, 0, 4, 0] }, { c: 5, m: 6, size: [14, 14], k: [4, 3], pads: [1, 1, 2, 1] },
  // the first layer, whose input needs no gradient
  { c: 3, m: 8, size: [11, 12], k: [3, 3], pads: [1, 1, 1, 1], without: ["x"] }, { n: 3, c: 3, m: 8, size: [15, 14], k: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3], bias: true, without: ["x"] }, { c: 1, m: 4, size: [9, 9], k: [5, 5], without: ["x"] }, { c: 2, m: 4, size: [9, 9], k: [3, 3], dilations: [2, 2], pads: [2, 1, 0, 2], without: ["x"] }, { c: 6, m: 4, size: [9, 9], k: [3, 3], without: ["x"] },
];

const pool = (op: string, torch: string, attributes: Attributes, dims = [2, 3, 8, 9]): GradientCase => unary(op, torch, attributes, 1, dims);
const moved = (op: string, torch: string, inputs: string[], constants: GradientCase["constants"], attributes?: Attributes, dims = [2, 3, 4, 5], opset = 18): GradientCase => ({ name: `${op} ${JSON.stringify([attributes, constants?.map(({ values }) => values)])}`, nodes: [node(op, inputs, attributes)], inputs: { x: { dims } }, constants, torch, opset });
const list = (name: string, values: number[], dims?: number[]) => ({ name, values, dims });

export const CASES: GradientCase[] = [
  unary("Relu", "F.relu(x)"), unary("LeakyRelu", "F.leaky_relu(x, 0.1)", { alpha: { float: 0.1 } }), unary("Sigmoid", "torch.sigmoid(x)"), unary("Tanh", "torch.tanh(x)"), unary("HardSwish", "F.hardswish(x)", undefined, 6),
  unary("HardSigmoid", "torch.clamp(0.2 * x + 0.5, 0, 1)"), unary("HardSigmoid", "torch.clamp(x / 6 + 0.5, 0, 1)", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }, 5), unary("Exp", "torch.exp(x)"), unary("Neg", "-x"),
  { name: "Log", nodes: [node("Log", ["x"])], inputs: { x: { dims: [4, 5], positive: true } }, torch: "torch.log(x)" }, { name: "Sqrt", nodes: [node("Sqrt", ["x"])], inputs: { x: { dims: [4, 5], positive: true } }, torch: "torch.sqrt(x)" },
  { name: "Clip 0 to 6", nodes: [node("Clip", ["x", "low", "high"])], inputs: { x: { dims: [2, 3, 4, 5], scale: 9 } }, constants: [{ name: "low", values: [0], dims: [], isFloat: true }, { name: "high", values: [6], dims: [], isFloat: true }], torch: "torch.clamp(x, 0, 6)" },
  { name: "Clip from below", nodes: [node("Clip", ["x", "low"])], inputs: { x: { dims: [2, 3], scale: 9 } }, constants: [{ name: "low", values: [-1], dims: [], isFloat: true }], torch: "torch.clamp(x, min=-1)" },
  { name: "Clip of opset 6", nodes: [node("Clip", ["x"], { min: { float: 0 }, max: { float: 2 } })], inputs: { x: { dims: [2, 3, 4, 5], scale: 4 } }, torch: "torch.clamp(x, 0, 2)", opset: 7 },
  ...BROADCASTS.flatMap(([a, b]) => [binary("Add", "+", a, b), binary("Sub", "-", a, b), binary("Mul", "*", a, b), binary("Div", "/", a, b)]),
  unary("Softmax", "torch.softmax(x, 1)", { axis: 1 }, 4, [4, 7]), unary("Softmax", "torch.softmax(x, 1)", { axis: 1 }, 4, [2, 3, 4, 5]), unary("LogSoftmax", "torch.log_softmax(x, -1)", { axis: -1 }, 4, [4, 7]),
  { ...unary("Softmax", "torch.softmax(x.flatten(1), 1).reshape(x.shape)", undefined, 4, [2, 3, 2, 2]), opset: 11 },
  ...CONVOLUTIONS.map(convolution),
  { name: "Conv padded as its input, above", nodes: [node("Conv", ["x", "w"], { auto_pad: "SAME_UPPER", strides: [2, 2] })], inputs: { x: { dims: [2, 3, 8, 8] }, w: { dims: [4, 3, 3, 3] } }, torch: "F.conv2d(F.pad(x, [0, 1, 0, 1]), w, stride=2)" },
  { name: "Conv padded as its input, below", nodes: [node("Conv", ["x", "w"], { auto_pad: "SAME_LOWER", strides: [2, 2] })], inputs: { x: { dims: [2, 3, 8, 8] }, w: { dims: [4, 3, 3, 3] } }, torch: "F.conv2d(F.pad(x, [1, 0, 1, 0]), w, stride=2)" },
  ...[[0, 0], [1, 0], [0, 1], [1, 1]].map(([transA, transB]): GradientCase => ({
    name: `Gemm ${transA}${transB}`, nodes: [node("Gemm", ["x", "w", "b"], { transA, transB, alpha: { float: 0.5 }, beta: { float: 2 } })],
    inputs: { x: { dims: transA ? [6, 4] : [4, 6] }, w: { dims: transB ? [5, 6] : [6, 5] }, b: { dims: [5] } }, torch: `0.5 * (x${transA ? ".t()" : ""} @ w${transB ? ".t()" : ""}) + 2 * b`,
  })),
  ...([[[4, 6], [6, 5]], [[2, 4, 6], [6, 5]], [[2, 3, 4, 6], [2, 3, 6, 5]], [[2, 1, 4, 6], [3, 6, 5]], [[6], [6, 5]], [[4, 6], [6]]]).map(([a, b]): GradientCase => ({ name: `MatMul ${a.join("×")} by ${b.join("×")}`, nodes: [node("MatMul", ["x", "w"])], inputs: { x: { dims: a }, w: { dims: b } }, torch: "x @ w" })),
  ...([[4, 3, 5, 6], [6, 16, 8, 8], [8, 5]] as number[][]).flatMap((dims): GradientCase[] => ["batch", "fixed"].map((statistics) => ({
    name: `BatchNormalization ${statistics} ${dims.join("×")}`, nodes: [node("BatchNormalization", ["x", "s", "b", "mean", "variance"], { epsilon: { float: 1e-3 } })], statistics: statistics as "batch" | "fixed",
    inputs: { x: { dims, scale: 3 }, s: { dims: [dims[1]] }, b: { dims: [dims[1]] }, mean: { dims: [dims[1]] }, variance: { dims: [dims[1]], positive: true } }, without: ["mean", "variance"],
    torch: `F.batch_norm(x, mean.detach(), variance.detach(), s, b, ${statistics === "batch" ? "True" : "False"}, 0.1, 1e-3)`,
  }))),
  pool("MaxPool", "F.max_pool2d(x, 2)", { kernel_shape: [2, 2], strides: [2, 2] }), pool("MaxPool", "F.max_pool2d(x, 3, 2, 1)", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }), pool("MaxPool", "F.max_pool2d(x, 3, 1, 1)", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), pool("MaxPool", "F.max_pool1d(x, 3, 2)", { kernel_shape: [3], strides: [2] }, [2, 3, 11]),
  pool("AveragePool", "F.avg_pool2d(x, 2)", { kernel_shape: [2, 2], strides: [2, 2] }), pool("AveragePool", "F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }), pool("AveragePool", "F.avg_pool2d(x, 3, 2, 1, count_include_pad=True)", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  pool("AveragePool", "F.avg_pool2d(x, 3, 2, 0, ceil_mode=True, count_include_pad=False)", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  unary("GlobalAveragePool", "x.mean((2, 3), keepdim=True)"), moved("ReduceMean", "x.mean((2, 3))", ["x", "axes"], [list("axes", [2, 3])], { keepdims: 0 }), moved("ReduceMean", "x.mean((1, 3), keepdim=True)", ["x", "axes"], [list("axes", [-1, 1])]), moved("ReduceMean", "x.mean()", ["x"], [], { keepdims: 0 }), moved("ReduceSum", "x.sum(1)", ["x", "axes"], [list("axes", [1])], { keepdims: 0 }),
  moved("ReduceMean", "x.mean((2, 3))", ["x"], [], { axes: [2, 3], keepdims: 0 }, [2, 3, 4, 5], 11),
  moved("Reshape", "x.reshape(2, 12, 5)", ["x", "shape"], [list("shape", [0, -1, 5])]), moved("Flatten", "x.flatten(1)", ["x"], []), moved("Flatten", "x.reshape(6, 20)", ["x"], [], { axis: 2 }), moved("Squeeze", "x.squeeze(1)", ["x", "axes"], [list("axes", [1])], undefined, [2, 1, 4]), moved("Unsqueeze", "x.unsqueeze(0).unsqueeze(3)", ["x", "axes"], [list("axes", [0, 3])], undefined, [2, 3, 4]),
  moved("Squeeze", "x.squeeze(1)", ["x"], [], { axes: [1] }, [2, 1, 4], 11), moved("Transpose", "x.permute(0, 2, 3, 1)", ["x"], [], { perm: [0, 2, 3, 1] }), moved("Transpose", "x.permute(3, 2, 1, 0)", ["x"], []),
  { name: "Concat", nodes: [node("Concat", ["x", "w", "x"], { axis: 1 })], inputs: { x: { dims: [2, 3, 4, 5] }, w: { dims: [2, 2, 4, 5] } }, torch: "torch.cat([x, w, x], 1)" },
  { name: "Split", nodes: [{ op: "Split", inputs: ["x", "parts"], outputs: ["a", "b", "c"], attributes: { axis: 1 } }, node("Mul", ["a", "c"])], inputs: { x: { dims: [2, 6, 3, 3] } }, constants: [list("parts", [2, 2, 2])], torch: "x[:, :2] * x[:, 4:]" },
  { name: "Split evenly, opset 11", nodes: [{ op: "Split", inputs: ["x"], outputs: ["a", "b"], attributes: { axis: 1 } }, node("Mul", ["a", "b"])], inputs: { x: { dims: [2, 6, 3, 3] } }, torch: "x[:, :3] * x[:, 3:]", opset: 11 },
  moved("Slice", "x[:, 1:3, :, 1:]", ["x", "starts", "ends", "axes"], [list("starts", [1, 1]), list("ends", [3, 2 ** 31 - 1]), list("axes", [1, 3])]), moved("Slice", "x[:, :, ::2, 1::3]", ["x", "starts", "ends", "axes", "steps"], [list("starts", [0, 1]), list("ends", [99, 99]), list("axes", [2, 3]), list("steps", [2, 3])], undefined, [2, 3, 7, 8]),
  moved("Slice", "x.flip(2)", ["x", "starts", "ends", "axes", "steps"], [list("starts", [-1]), list("ends", [-99]), list("axes", [2]), list("steps", [-1])]), moved("Slice", "x[:, :, 1:3]", ["x"], [], { starts: [1], ends: [3], axes: [2] }, [2, 3, 4, 5], 9),
  moved("Pad", "F.pad(x, [1, 2, 0, 3])", ["x", "pads"], [list("pads", [0, 0, 0, 1, 0, 0, 3, 2])]), { name: "Pad with a value, cutting too", nodes: [node("Pad", ["x", "pads", "v0"])], inputs: { x: { dims: [2, 3, 4, 5] } }, constants: [list("pads", [0, 0, -1, 1, 0, 0, 0, 2]), { name: "v0", values: [2.5], dims: [], isFloat: true }], torch: "F.pad(x, [1, 2, -1, 0], value=2.5)" },
  moved("Pad", "F.pad(x, [1, 2, 0, 3])", ["x"], [], { pads: [0, 0, 0, 1, 0, 0, 3, 2] }, [2, 3, 4, 5], 10),
  { name: "Resize", nodes: [node("Resize", ["x", "", "scales"], { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" })], inputs: { x: { dims: [2, 3, 4, 5] } }, constants: [{ name: "scales", values: [1, 1, 2, 3], isFloat: true }], torch: "F.interpolate(x, scale_factor=(2, 3), mode='nearest')" },
  { name: "Resize by sizes", nodes: [node("Resize", ["x", "", "", "sizes"], { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" })], inputs: { x: { dims: [2, 3, 4, 5] } }, constants: [list("sizes", [2, 3, 7, 9])], torch: "F.interpolate(x, size=(7, 9), mode='nearest')" },
  { name: "Upsample", nodes: [node("Upsample", ["x", "scales"], { mode: "nearest" })], inputs: { x: { dims: [2, 3, 4, 5] } }, constants: [{ name: "scales", values: [1, 1, 2, 2], isFloat: true }], torch: "F.interpolate(x, scale_factor=2, mode='nearest')", opset: 9 },
  { name: "Gather of codewords", nodes: [{ op: "Gather", inputs: ["w", "index"], outputs: ["rows"] }, { op: "Reshape", inputs: ["rows", "shape"], outputs: ["kernels"] }, node("Conv", ["x", "kernels"], { pads: [1, 1, 1, 1] })], inputs: { x: { dims: [2, 3, 6, 6] }, w: { dims: [4, 9] } }, constants: [list("index", [0, 1, 3, 1, 1, 0]), list("shape", [2, 3, 3, 3])], torch: "F.conv2d(x, w[[0, 1, 3, 1, 1, 0]].reshape(2, 3, 3, 3), padding=1)" },
  { name: "Gather in another order along the second axis", nodes: [node("Gather", ["x", "index"], { axis: 1 })], inputs: { x: { dims: [2, 6, 3] } }, constants: [list("index", [4, 0, 2, 5, 1, -3], [2, 3])], torch: "x[:, [4, 0, 2, 5, 1, 3]].reshape(2, 2, 3, 3)" },
  { name: "Gather along the second axis", nodes: [node("Gather", ["x", "index"], { axis: 1 })], inputs: { x: { dims: [2, 5, 3] } }, constants: [list("index", [4, 0, 4, -1], [2, 2])], torch: "x[:, [4, 0, 4, 4]].reshape(2, 2, 2, 3)" },
  { name: "Dropout and Identity go", nodes: [{ op: "Dropout", inputs: ["x"], outputs: ["a"], attributes: { ratio: { float: 0.5 } } }, { op: "Identity", inputs: ["a"], outputs: ["b"] }, node("Mul", ["b", "b"])], inputs: { x: { dims: [2, 3] } }, torch: "x * x", opset: 9 },
  { name: "a residual block", nodes: [
    { op: "Conv", inputs: ["x", "w"], outputs: ["a"], attributes: { pads: [1, 1, 1, 1] } }, { op: "BatchNormalization", inputs: ["a", "s", "b", "zero", "one"], outputs: ["n"] }, { op: "Relu", inputs: ["n"], outputs: ["r"] }, { op: "Add", inputs: ["r", "x"], outputs: ["sum"] },
    { op: "GlobalAveragePool", inputs: ["sum"], outputs: ["p"] }, { op: "Flatten", inputs: ["p"], outputs: ["f"] }, node("Gemm", ["f", "fc"], { transB: 1 }),
  ], inputs: { x: { dims: [4, 6, 8, 8] }, w: { dims: [6, 6, 3, 3] }, s: { dims: [6] }, b: { dims: [6] }, fc: { dims: [5, 6] } }, constants: [{ name: "zero", values: [0, 0, 0, 0, 0, 0], isFloat: true }, { name: "one", values: [1, 1, 1, 1, 1, 1], isFloat: true }],
  torch: "(F.relu(F.batch_norm(F.conv2d(x, w, padding=1), None, None, s, b, True)) + x).mean((2, 3)) @ fc.t()" },
  { name: "squeeze and excitation", nodes: [{ op: "GlobalAveragePool", inputs: ["x"], outputs: ["p"] }, { op: "Conv", inputs: ["p", "w"], outputs: ["g"] }, { op: "HardSigmoid", inputs: ["g"], outputs: ["h"] }, node("Mul", ["x", "h"])], inputs: { x: { dims: [3, 4, 5, 5] }, w: { dims: [4, 4, 1, 1] } }, torch: "x * torch.clamp(0.2 * F.conv2d(x.mean((2, 3), keepdim=True), w) + 0.5, 0, 1)" },
];
