import { floatToHalf, halfToFloat } from "../../numeric/half";
import { constantTensor } from "../../onnx/constants";
import type { ModelEdit } from "../../onnx/edit";
import type { Model, Node } from "../../onnx/model";
import { DataType, readFloats } from "../../onnx/tensor";
import type { OwnVector } from "../follow";

/** Biases by name, as the file will hold them: all together in float16. */
export type Biases = ReadonlyMap<string, OwnVector>;

/** Operators that add their third input to each channel. */
const LAYERS = new Set(["Conv", "ConvTranspose", "Gemm"]);
/** The operator set in which Split takes its lengths as an input. */
const LENGTHS_AS_INPUT = 13;

/** The biases of all layers that float16 holds well. */
export async function biasesOf(model: Model): Promise<Map<string, OwnVector>> {
  const { graph } = model, biases = new Map<string, OwnVector>();
  for (const node of graph.nodes) {
    const name = node.inputs[2], tensor = LAYERS.has(node.op) && name ? constantTensor(graph, name) : undefined;
    if (!tensor || graph.initializers.get(name) !== tensor || graph.overridable.has(name) || tensor.type !== DataType.FLOAT || tensor.dims.length !== 1 || !isBiasAlone(node, name)) continue;
    const values = await readFloats(model, tensor);
    if (isHalf(values)) biases.set(name, { name, dims: tensor.dims, type: tensor.type, values });
  }
  return biases;
}

/** Whether nothing else uses it: its rounding is then that of a sum alone. */
const isBiasAlone = ({ graph }: Node, name: string): boolean =>
  (graph.consumers.get(name) ?? []).every((user) => LAYERS.has(user.op) && user.inputs.every((input, i) => input !== name || i === 2)) && graph.outputs.every((output) => output.name !== name);

/** Whether float16 holds values but for a thousandth of the largest. */
function isHalf(values: Float32Array): boolean {
  const most = values.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
  return values.every((v) => Math.abs(halfToFloat(floatToHalf(v)) - v) <= 1e-3 * most);
}

/** Puts biases into one constant of float16, which a runtime takes apart while it loads. */
export function writeBiases(edit: ModelEdit, biases: Biases): void {
  if (!biases.size) return;
  const { model: { graph, opset } } = edit, all = [...biases.values()], lengths = all.map(({ values }) => values.length), outputs = all.map(({ name }) => name);
  const halves = edit.freshName(), floats = edit.freshName(), raw = new Uint8Array(Uint16Array.from(all.flatMap(({ values }) => Array.from(values, floatToHalf))).buffer);
  for (const name of outputs) edit.removeInitializer(graph, name);
  edit.addInitializer(graph, { name: halves, dims: [raw.length / 2], type: DataType.FLOAT16, raw });
  const cast = { op: "Cast", inputs: [halves], attributes: { to: DataType.FLOAT } };
  if (all.length === 1) return edit.insertNodes(graph, "start", [{ ...cast, outputs }]);
  const isInput = opset >= LENGTHS_AS_INPUT, sizes = isInput ? [edit.freshName()] : [];
  for (const name of sizes) edit.addInitializer(graph, { name, dims: [lengths.length], type: DataType.INT64, int64s: lengths });
  edit.insertNodes(graph, "start", [{ ...cast, outputs: [floats] }, { op: "Split", inputs: [floats, ...sizes], outputs, ...(!isInput && { attributes: { split: lengths } }) }]);
}
