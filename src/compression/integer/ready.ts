import { ModelEdit, type NodeSpec } from "../../onnx/edit";
import { constantTensor } from "../../onnx/constants";
import { findLayers } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import { intAttribute, intsAttribute, type Model, type Node } from "../../onnx/model";
import { raiseModel } from "../../onnx/raise-model";
import { inferFacts } from "../../onnx/shapes";
import { DataType, typeName } from "../../onnx/tensor";
import type { CompressRequest } from "../../protocol/api";
import { KernelscopeError } from "../../protocol/errors";
import { foldAffine } from "../passes/affine";
import { foldConstants } from "../passes/constants";
import { hasHalfPrecision, keepsPrecision, toSinglePrecision } from "../passes/precision";

/** Integers need the operator set in which QuantizeLinear came to have an axis. */
const INTEGER_OPSET = 13;

/** A model in the form that integers are made from, and what was done to it in words for users. */
export interface ReadyModel { model: Model; notes: string[] }

/** @throws KernelscopeError "unsupported" where integers cannot be made of a model's numbers, or would raise the operator set of one that is to keep it */
export function checkIntegers(model: Model, { inference, keepOpset }: Pick<CompressRequest, "inference" | "keepOpset">): void {
  const { opset } = model, refused = inference === "integer" ? refusal(model) : undefined;
  if (refused !== undefined) throw new KernelscopeError("unsupported", `Integers are made of models in single precision (float32), ${refused}. Export the model in single precision, as model.float() makes it in PyTorch, or keep inference in floats.`);
  if (inference === "integer" && keepOpset && opset < INTEGER_OPSET) throw new KernelscopeError("unsupported", `Integer inference needs operator set ${INTEGER_OPSET} at least, this model is of ${opset} and is to keep it. Leave out --keep-opset ("keepOpset" in a recipe), export the model for a newer set, or keep inference in floats.`);
}

/** Why integers cannot be made of a model's numbers. */
function refusal(model: Model): string | undefined {
  const other = findLayers(model).find(({ blocked, type }) => blocked === undefined && type !== DataType.FLOAT && type !== DataType.FLOAT16), kept = hasHalfPrecision(model) ? keepsPrecision(model) : undefined;
  return other ? `and the weight of ${other.label} is of type ${typeName(other.type)}` : kept && `and this one cannot be brought to it from half precision: ${kept}`;
}

/**
 * Brings a model to single precision and to the operator set that integer inference needs, folds batch normalizations into convolutions, and computes small constants ahead.
 * Layers keep their identities.
 * @throws KernelscopeError "unsupported" where its operator set cannot be raised
 */
export async function readyForIntegers(original: Model): Promise<ReadyModel> {
  const notes: string[] = [];
  let model = original;
  if (hasHalfPrecision(model)) {
    const edit = new ModelEdit(model);
    await toSinglePrecision(edit);
    model = await editedModel(edit);
    notes.push("Its floats are in single precision now, from which integers are made.");
  }
  if (model.opset < INTEGER_OPSET) {
    const edit = new ModelEdit(model);
    raiseModel(edit, INTEGER_OPSET);
    model = await editedModel(edit);
    notes.push(`Raised from operator set ${original.opset} to ${model.opset}, which integer inference needs.`);
  }
  const edit = new ModelEdit(model), { normalizations } = await foldAffine(edit, findLayers(model));
  poolMeans(edit);
  joinBiases(edit);
  model = await editedModel(edit);
  if (normalizations) notes.push(`${normalizations === 1 ? "One batch normalization is" : `${normalizations} batch normalizations are`} folded into the layers before.`);
  const last = new ModelEdit(model);
  await foldConstants(last);
  return { model: await editedModel(last), notes };
}

/** Writes means over a whole feature map as pooling, for which there are integer kernels; takes away what is left of training. */
function poolMeans(edit: ModelEdit): void {
  const { model, model: { graph } } = edit, facts = inferFacts(model).get(graph);
  for (const node of graph.nodes) {
    if (node.op === "Dropout") edit.replaceNode(node, [{ op: "Identity", inputs: [node.inputs[0]], outputs: [node.outputs[0]] }]);
    if (node.op !== "ReduceMean") continue;
    const axes = intsAttribute(node, "axes") ?? facts?.get(node.inputs[1])?.values?.map(Number), shape = facts?.get(node.inputs[0])?.shape;
    if (axes && shape && isOverSpace(axes, shape.length)) edit.replaceNode(node, pooling(node, edit));
  }
}

/** Writes products of matrices with a vector added to each row as linear layers, which add it to their sums before these are rounded. */
function joinBiases(edit: ModelEdit): void {
  const { model: { graph }, model } = edit, facts = inferFacts(model).get(graph);
  for (const node of graph.nodes) {
    const { op, inputs: [x, weight], outputs: [sums] } = node, users = graph.consumers.get(sums) ?? [], [add] = users;
    if (op !== "MatMul" || users.length !== 1 || add.op !== "Add" || graph.outputs.some(({ name }) => name === sums) || facts?.get(x)?.shape?.length !== 2) continue;
    const bias = add.inputs[add.inputs[0] === sums ? 1 : 0], dims = constantTensor(graph, bias)?.dims, shape = constantTensor(graph, weight)?.dims;
    if (dims?.length !== 1 || shape?.length !== 2 || dims[0] !== shape[1]) continue;
    edit.removeNode(node);
    edit.replaceNode(add, [{ op: "Gemm", inputs: [x, weight, bias], outputs: [add.outputs[0]], name: node.name }]);
    edit.undeclare(graph, sums);
  }
}

function pooling(node: Node, edit: ModelEdit): NodeSpec[] {
  const { inputs: [x], outputs: [y] } = node;
  if (intAttribute(node, "keepdims", 1)) return [{ op: "GlobalAveragePool", inputs: [x], outputs: [y] }];
  const pooled = edit.freshName();
  return [{ op: "GlobalAveragePool", inputs: [x], outputs: [pooled] }, { op: "Flatten", inputs: [pooled], outputs: [y], attributes: { axis: 1 } }];
}

/** Whether axes are exactly those of a feature map [N, C, …] behind the channels. */
const isOverSpace = (axes: readonly number[], rank: number): boolean =>
  rank > 2 && axes.length === rank - 2 && axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b).every((axis, i) => axis === i + 2);
