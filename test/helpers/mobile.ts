import { buildModel } from "../../src/onnx/build";
import type { NodeSpec, TensorData } from "../../src/onnx/encode";
import { DataType } from "../../src/onnx/tensor";
import { floats, ints, wave } from "../unit/onnx/models";

/** A small network with all that makes integers hard: gates, tables, depthwise kernels, joins of clipped and other values, moves, and a part that has to stay float. @param more values inside that come out, too */
export function mobile(opset = 14, more: readonly string[] = []): Uint8Array {
  const nodes: NodeSpec[] = [], initializers: TensorData[] = [], add = (op: string, inputs: string[], output: string, attributes?: NodeSpec["attributes"]) => { nodes.push({ op, inputs, outputs: [output], attributes }); return output; };
  let seed = 1;
  const weight = (name: string, dims: number[]) => { initializers.push(floats(name, dims, wave(dims.reduce((a, b) => a * b, 1), seed++).map((v) => v / Math.sqrt(dims.slice(1).reduce((a, b) => a * b, 1))))); return name; };
  const conv = (x: string, output: string, dims: number[], attributes: NodeSpec["attributes"] = {}) => add("Conv", [x, weight(`${output}.w`, dims), weight(`${output}.b`, [dims[0]])], output, { kernel_shape: dims.slice(2), ...attributes });
  for (const [name, value] of [["three", 3], ["zero", 0], ["six", 6]] as const) initializers.push(floats(name, [], [value]));
  for (const [name, values] of [["starts", [0, 0]], ["ends", [7, 7]], ["axes", [2, 3]], ["steps", [1, 1]], ["pads", [0, 0, 0, 0, 0, 0, 1, 1]]] as const) initializers.push(ints(name, [...values]));
  const stem = conv("x", "stem", [8, 3, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] });
  add("Clip", [add("Add", [stem, "three"], "shifted"), "zero", "six"], "clipped");
  const swish = add("Div", [add("Mul", [stem, "clipped"], "product"), "six"], "swish");
  const deep = add("Clip", [conv(swish, "deep", [8, 1, 3, 3], { group: 8, pads: [1, 1, 1, 1] }), "zero", "six"], "deep6");
  const squeezed = add("Relu", [conv(add("GlobalAveragePool", [deep], "mean"), "squeeze", [4, 8, 1, 1])], "squeezed"), gate = add("HardSigmoid", [conv(squeezed, "excite", [8, 4, 1, 1])], "gate", { alpha: { float: 0.2 }, beta: { float: 0.5 } });
  const block = add("Add", [conv(add("Mul", [deep, gate], "gated"), "point", [8, 8, 1, 1]), swish], "block");
  const grouped = add("LeakyRelu", [conv(block, "grouped", [12, 2, 3, 3], { group: 4, dilations: [2, 2], pads: [2, 2, 2, 2] })], "leaky", { alpha: { float: 0.1 } });
  const joined = add("Concat", [deep, grouped], "joined", { axis: 1 });
  const cut = add("Pad", [add("Slice", [joined, "starts", "ends", "axes", "steps"], "sliced"), "pads"], "padded", { mode: "constant" });
  const pooled = add("AveragePool", [cut], "pooled", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }), most = add("MaxPool", [pooled], "most", { kernel_shape: [2, 2], strides: [1, 1] });
  const soft = add("Softsign", [add("ConvTranspose", [most, weight("up.w", [20, 6, 2, 2])], "up", { kernel_shape: [2, 2] })], "soft"), last = add("Sigmoid", [conv(soft, "last", [10, 6, 3, 3])], "last1");
  add("Gemm", [add("ReduceMean", [last], "flat", { axes: [2, 3], keepdims: 0 }), weight("fc.w", [5, 10]), weight("fc.b", [5])], "y", { transB: 1 });
  return buildModel({ nodes, initializers, opset, inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 3, 16, 16] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 5] }, ...more.map((name) => ({ name, type: DataType.FLOAT }))] });
}
