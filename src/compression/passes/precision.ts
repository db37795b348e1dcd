import { constantOf } from "../../onnx/constants";
import type { ModelEdit } from "../../onnx/edit";
import type { NodeSpec } from "../../onnx/encode";
import { findLayers } from "../../onnx/layers";
import { intAttribute, type Model, type Node } from "../../onnx/model";
import { DataType, isFloatType, readFloats, type Tensor } from "../../onnx/tensor";
import { typesOf } from "../../onnx/types";
import { floatTensor } from "../fit";

const isHalf = (type: number | undefined): boolean => type === DataType.FLOAT16;

/** Whether a layer that can be compressed computes in half precision. */
export const hasHalfPrecision = (model: Model): boolean => findLayers(model).some(({ blocked, type }) => blocked === undefined && isHalf(type));

/** A reason why {@link toSinglePrecision} cannot be done; undefined where it can. */
export function keepsPrecision({ graphs: [graph, ...bodies], functions }: Model): string | undefined {
  if (functions.length || bodies.length) return "it has functions or graphs inside nodes";
  const node = graph.nodes.find((node) => constantOf(node) === undefined && [...node.attributes.values()].some(({ tensor }) => isHalf(tensor?.type)));
  return node && `the node ${node.name || node.op} has its own type`;
}

/**
 * Writes a model in half precision, without bodies and functions, in single precision: its constants, and what Cast makes of other types. Inputs and outputs keep their types, with a Cast behind or before
 * them; a Cast between floats is none any more.
 */
export async function toSinglePrecision(edit: ModelEdit): Promise<void> {
  const { model, model: { graph } } = edit, types = typesOf(graph), renamed = new Map<string, string>();
  const single = async (tensor: Tensor, name: string): Promise<void> => { edit.replaceInitializer(graph, name, floatTensor({ name, dims: [...tensor.dims], type: DataType.FLOAT, values: await readFloats(model, tensor) })); };
  const cast = (from: string, to: string, type: number): NodeSpec[] => [{ op: "Cast", inputs: [from], outputs: [to], attributes: { to: type } }];
  for (const tensor of graph.initializers.values()) if (isHalf(tensor.type)) await single(tensor, tensor.name);
  for (const { name } of graph.valueInfoList) if (isHalf(types.get(name))) edit.undeclare(graph, name);
  for (const { name } of [...graph.inputs, ...graph.outputs]) if (isHalf(types.get(name)) && !graph.initializers.has(name)) renamed.set(name, edit.freshName());
  for (const { name } of graph.inputs) if (renamed.has(name)) edit.insertNodes(graph, "start", cast(name, renamed.get(name)!, DataType.FLOAT));
  for (const { name } of graph.outputs) if (renamed.has(name)) edit.insertNodes(graph, "end", cast(renamed.get(name)!, name, types.get(name)!));
  const borders = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name)), between = new Set(graph.nodes.filter((node) => node.op === "Cast" && makesFloats(node) && isFloatType(types.get(node.inputs[0]) ?? DataType.INT64)));
  for (const { inputs: [from], outputs: [to] } of between) {
    if (!borders.has(to)) renamed.set(to, from);
    else if (!renamed.has(to) && !renamed.has(from) && graph.producers.has(from) && !borders.has(from)) renamed.set(from, to);
  }
  const nameOf = (name: string): string => { let now = name; for (let next = renamed.get(now); next !== undefined && next !== now; next = renamed.get(now)) now = next; return now; };
  for (const node of graph.nodes) {
    const tensor = constantOf(node), inputs = node.inputs.map(nameOf), outputs = node.outputs.map(nameOf), [from] = inputs, [to] = outputs;
    if (tensor && isHalf(tensor.type)) await single(tensor, node.outputs[0]);
    else if (between.has(node)) edit.replaceNode(node, from === to ? [] : [{ op: "Identity", inputs, outputs }]);
    else if (node.op === "Cast" && makesFloats(node)) edit.replaceNode(node, cast(from, to, DataType.FLOAT));
    else {
      if (inputs.some((name, i) => name !== node.inputs[i])) edit.setNodeInputs(node, inputs);
      if (outputs.some((name, i) => name !== node.outputs[i])) edit.setNodeOutputs(node, outputs);
    }
  }
}

const makesFloats = (node: Node): boolean => isFloatType(intAttribute(node, "to", 0));
