import { type BorderValue, encodeNode, encodeTensor, encodeValueInfo, type NodeSpec, type TensorData } from "./encode";
import { concat, intField, lenField, textField } from "./wire";

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
