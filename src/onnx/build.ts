import { encodeNode, encodeTensor, type NodeSpec, type TensorData } from "./edit";
import { concat, intField, lenField, textField } from "./wire";

/** A value at the border of a built model: name, element type and, where known, shape. */
export interface BorderValue { name: string; type: number; shape?: (number | string)[] }

/** ValueInfoProto content. */
export function encodeValueInfo({ name, type, shape }: BorderValue): Uint8Array {
  const dims = shape?.map((d) => lenField(1, typeof d === "number" ? intField(1, d) : d === "?" ? new Uint8Array() : textField(2, d)));
  return concat([textField(1, name), lenField(2, lenField(1, intField(1, type), ...(dims ? [lenField(2, ...dims)] : [])))]);
}

/** A small model of our own, opset 13 unless said otherwise: for arithmetic on onnxruntime. */
export function buildModel(graph: { nodes: NodeSpec[]; inputs: BorderValue[]; outputs: BorderValue[]; initializers?: TensorData[]; opset?: number }): Uint8Array {
  const body = concat([
    ...graph.nodes.map((node) => lenField(1, encodeNode(node))),
    textField(2, "kernelscope"),
    ...(graph.initializers ?? []).map((tensor) => lenField(5, encodeTensor(tensor))),
    ...graph.inputs.map((value) => lenField(11, encodeValueInfo(value))),
    ...graph.outputs.map((value) => lenField(12, encodeValueInfo(value))),
  ]);
  return concat([intField(1, 8), lenField(7, body), lenField(8, textField(1, ""), intField(2, graph.opset ?? 13))]);
}
