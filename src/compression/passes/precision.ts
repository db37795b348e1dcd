import { constantOf } from "../../onnx/constants";
import type { ModelEdit } from "../../onnx/edit";
import type { NodeSpec } from "../../onnx/encode";
import { findLayers } from "../../onnx/layers";
import { type Graph, intAttribute, type Model, type Node } from "../../onnx/model";
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
  const { graph } = edit.model, types = typesOf(graph), casts = new Set(graph.nodes.filter((node) => makesFloats(node) && isFloatType(types.get(node.inputs[0]) ?? DataType.INT64)));
  await widenConstants(edit);
  for (const { name } of graph.valueInfoList) if (isHalf(types.get(name))) edit.undeclare(graph, name);
  const renamed = castAtBorders(edit, types);
  leadAround(casts, graph, renamed);
  for (const node of graph.nodes) if (!isHalf(constantOf(node)?.type)) rewire(edit, node, casts.has(node), (name) => lastName(renamed, name));
}

const makesFloats = (node: Node): boolean => node.op === "Cast" && isFloatType(intAttribute(node, "to", 0));

const cast = (from: string, to: string, type: number): NodeSpec[] => [{ op: "Cast", inputs: [from], outputs: [to], attributes: { to: type } }];

async function widenConstants(edit: ModelEdit): Promise<void> {
  const { model, model: { graph } } = edit, constants: (readonly [name: string, tensor: Tensor | undefined])[] = [...[...graph.initializers.values()].map((tensor) => [tensor.name, tensor] as const), ...graph.nodes.map((node) => [node.outputs[0], constantOf(node)] as const)];
  for (const [name, tensor] of constants) if (tensor && isHalf(tensor.type)) edit.replaceInitializer(graph, name, floatTensor({ name, dims: [...tensor.dims], type: DataType.FLOAT, values: await readFloats(model, tensor) }));
}

/** Inputs and outputs of half precision stay that, and are cast; gives the names that they have inside, by those outside. */
function castAtBorders(edit: ModelEdit, types: ReadonlyMap<string, number>): Map<string, string> {
  const { graph } = edit.model, isBorder = ({ name }: { name: string }): boolean => isHalf(types.get(name)) && !graph.initializers.has(name);
  const inside = new Map([...graph.inputs, ...graph.outputs].filter(isBorder).map(({ name }) => [name, edit.freshName()]));
  for (const { name } of graph.inputs.filter(isBorder)) edit.insertNodes(graph, "start", cast(name, inside.get(name)!, DataType.FLOAT));
  for (const { name } of graph.outputs.filter(isBorder)) edit.insertNodes(graph, "end", cast(inside.get(name)!, name, types.get(name)!));
  return inside;
}

/** Both ends of a Cast between floats get one name: the one before it, or at an output, whose name stays, the one behind it. */
function leadAround(casts: Iterable<Node>, graph: Graph, renamed: Map<string, string>): void {
  const borders = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const { inputs: [from], outputs: [to] } of casts) {
    if (!borders.has(to)) renamed.set(to, from);
    else if (!renamed.has(to) && !renamed.has(from) && graph.producers.has(from) && !borders.has(from)) renamed.set(from, to);
  }
}

function lastName(renamed: ReadonlyMap<string, string>, name: string): string {
  for (let next = renamed.get(name); next !== undefined && next !== name; next = renamed.get(name)) name = next;
  return name;
}

function rewire(edit: ModelEdit, node: Node, isBetweenFloats: boolean, nameOf: (name: string) => string): void {
  const inputs = node.inputs.map(nameOf), outputs = node.outputs.map(nameOf), [from] = inputs, [to] = outputs;
  if (isBetweenFloats) edit.replaceNode(node, from === to ? [] : [{ op: "Identity", inputs, outputs }]);
  else if (makesFloats(node)) edit.replaceNode(node, cast(from, to, DataType.FLOAT));
  else {
    if (inputs.some((name, i) => name !== node.inputs[i])) edit.setNodeInputs(node, inputs);
    if (outputs.some((name, i) => name !== node.outputs[i])) edit.setNodeOutputs(node, outputs);
  }
}
