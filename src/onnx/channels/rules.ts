import { intAttribute, intsAttribute, stringAttribute, type Node } from "../model";
import type { Layer } from "../layers";
import { isFloatType } from "../tensor";
import type { Walk } from "./walk";

/** What an operator does with channels. Whatever it does not understand it locks. */
type Rule = (walk: Walk, node: Node) => void;

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Channel by channel: what goes in comes out; all further inputs are numbers for all. */
const passes: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]);
  if (!slots || hasMore(node) || node.inputs.slice(1).some((name) => name && !isScalar(walk, name))) return walk.lockInputs(node);
  walk.give(node.outputs[0], slots);
};

/** Whether it puts out more than one value: indices, masks, statistics. */
const hasMore = ({ outputs }: Node): boolean => outputs.filter(Boolean).length > 1;
const isScalar = (walk: Walk, name: string): boolean => !walk.data.has(name) && walk.shapeOf(name)?.every((dim) => dim === 1) === true;

/** As {@link passes}, with a constant for each channel in these inputs. */
const withVectors = (inputs: readonly number[], rank?: number): Rule => (walk, node) => {
  const slots = walk.of(node.inputs[0]), dims = walk.shapeOf(node.inputs[0]);
  if (!slots || !dims || hasMore(node)) return walk.lockInputs(node);
  for (const input of inputs) walk.vector(node, input, slots, rank ?? dims.length);
  walk.give(node.outputs[0], slots);
};

/** Sums, products and the like of values and constants, with broadcasting. */
const elementwise: Rule = (walk, node) => {
  const values = node.inputs.filter((name) => walk.data.has(name)), shapes = values.map((name) => walk.shapeOf(name)), rank = shapes[0]?.length ?? 0;
  const known = values.flatMap((name) => walk.of(name) ?? []), first = known.reduce<Int32Array | undefined>((most, slots) => (!most || slots.length > most.length ? slots : most), undefined);
  if (!first || known.length !== values.length || shapes.some((dims) => dims?.length !== rank) || rank < 2) return walk.lockInputs(node);
  for (const slots of known) {
    if (slots.length === first.length) walk.joinAll(slots, first);
    else walk.lock(slots); // one for all
  }
  if (known.some(({ length }) => length !== first.length && length !== 1)) return walk.lockInputs(node);
  node.inputs.forEach((name, input) => { if (name && !walk.data.has(name)) walk.vector(node, input, first, rank); });
  walk.give(node.outputs[0], first);
};

/** Whether the layer's weight and what is added to it are its own. */
function isOpen(walk: Walk, node: Node, layer: Layer): boolean {
  const { blocked, consumers, tensor, weight, type, graph } = layer;
  return blocked === undefined && consumers.length === 1 && tensor !== undefined && isFloatType(type) && graph === walk.model.graph && walk.isOwn(node, node.inputs.indexOf(weight));
}

const convolution: Rule = (walk, node) => {
  const layer = walk.layerOf(node), x = walk.of(node.inputs[0]);
  if (!layer || !isOpen(walk, node, layer) || node.inputs[1] !== layer.weight) return walk.lockInputs(node);
  const { dims, groups, op } = layer, outputs = walk.fresh(op === "Conv" ? dims[0] : dims[1] * groups);
  if (groups === 1) {
    const isRead = x?.length === dims[op === "Conv" ? 1 : 0];
    if (!isRead) walk.lock(x);
    walk.weights.set(layer, { outputs, inputs: isRead ? x : undefined });
  } else if (op === "Conv" && x?.length === groups * dims[1]) {
    // channels of a group leave together, and so it does
    const perGroup = dims[0] / groups;
    outputs.forEach((slot, m) => walk.join(slot, x[Math.floor(m / perGroup) * dims[1]]));
    x.forEach((slot, c) => walk.join(slot, x[c - c % dims[1]]));
    walk.weights.set(layer, { outputs, perGroup });
  } else return walk.lockInputs(node);
  walk.vector(node, 2, outputs, 2);
  walk.give(node.outputs[0], outputs);
};

const linear: Rule = (walk, node) => {
  const layer = walk.layerOf(node), x = walk.of(node.inputs[0]), rank = walk.shapeOf(node.inputs[0])?.length;
  const isPlain = node.op !== "Gemm" || intAttribute(node, "transA", 0) === 0;
  if (!layer || !isPlain || rank !== 2 || node.inputs[1] !== layer.weight || !isOpen(walk, node, layer)) return walk.lockInputs(node);
  const { dims, outputAxis } = layer, outputs = walk.fresh(dims[outputAxis]), isRead = x?.length === dims[1 - outputAxis];
  if (!isRead) walk.lock(x);
  walk.weights.set(layer, { outputs, inputs: isRead ? x : undefined });
  walk.vector(node, 2, outputs, 2);
  walk.give(node.outputs[0], outputs);
};

const concat: Rule = (walk, node) => {
  const values = node.inputs.filter(Boolean), rank = walk.shapeOf(values[0])?.length ?? 0, axis = rank ? positive(intAttribute(node, "axis", 1), rank) : 0;
  const parts = values.map((name) => {
    const size = walk.shapeOf(name)?.[1], slots = walk.of(name) ?? (typeof size === "number" ? walk.fresh(size) : undefined);
    if (!walk.of(name)) walk.lock(slots);
    return slots;
  });
  if (axis < 1 || !parts.every((part) => part !== undefined) || (axis > 1 && parts.some(({ length }) => length !== parts[0].length))) return walk.lockInputs(node);
  if (axis > 1) for (const part of parts) walk.joinAll(part, parts[0]);
  walk.give(node.outputs[0], axis === 1 ? Int32Array.from(parts.flatMap((part) => [...part])) : parts[0]);
};

const split: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), rank = walk.shapeOf(node.inputs[0])?.length ?? 0, axis = positive(intAttribute(node, "axis", 0), rank), lengths = node.outputs.map((name) => walk.shapeOf(name)?.[1]);
  if (!slots || axis < 1) return walk.lockInputs(node);
  if (axis > 1) return node.outputs.forEach((name) => walk.give(name, slots));
  if (!lengths.every((length) => typeof length === "number") || lengths.reduce((sum, length) => sum + length, 0) !== slots.length) return walk.lockInputs(node);
  let at = 0;
  const parts = lengths.map((length) => slots.subarray(at, at += length));
  node.outputs.forEach((name, i) => walk.give(name, parts[i]));
  walk.countings.push({ kind: "lengths", node, parts });
};

const pad: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), rank = walk.shapeOf(node.inputs[0])?.length ?? 0, pads = walk.numbersOf(node.inputs[1]) ?? intsAttribute(node, "pads");
  if (!slots || pads?.length !== 2 * rank || node.inputs[3] || pads[0] !== 0 || pads[rank] !== 0) return walk.lockInputs(node);
  const [before, after] = [pads[1], pads[rank + 1]];
  if (before < 0 || after < 0 || ((before || after) && stringAttribute(node, "mode", "constant") !== "constant")) return walk.lockInputs(node);
  const [first, last] = [walk.fresh(before), walk.fresh(after)];
  walk.give(node.outputs[0], Int32Array.from([...first, ...slots, ...last]));
  if (before || after) walk.countings.push({ kind: "pads", node, before: first, after: last, pads });
};

/** Parts of a map; all channels of it. */
const slice: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), rank = walk.shapeOf(node.inputs[0])?.length ?? 0, axes = node.inputs[3] ? walk.numbersOf(node.inputs[3]) : intsAttribute(node, "axes");
  if (!slots || !axes?.every((axis) => positive(axis, rank) > 1)) return walk.lockInputs(node);
  walk.give(node.outputs[0], slots);
};

/** Axes that come, go or are summed up behind the channels. */
const behindChannels: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), rank = walk.shapeOf(node.inputs[0])?.length ?? 0, out = node.op === "Unsqueeze" ? walk.shapeOf(node.outputs[0])?.length ?? 0 : rank;
  const axes = node.inputs[1] ? walk.numbersOf(node.inputs[1]) : intsAttribute(node, "axes");
  if (!slots || !rank || !out || !axes?.length || !axes.every((axis) => positive(axis, out) > 1)) return walk.lockInputs(node);
  walk.give(node.outputs[0], slots);
};

const resize: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), [from, to] = [walk.shapeOf(node.inputs[0]), walk.shapeOf(node.outputs[0])];
  const isSized = node.op === "Resize" && node.inputs[3] && !intsAttribute(node, "axes"), sizes = isSized ? walk.numbersOf(node.inputs[3]) : undefined;
  if (!slots || !to || from?.[1] !== to[1] || (isSized && !sizes) || stringAttribute(node, "coordinate_transformation_mode", "") === "tf_crop_and_resize") return walk.lockInputs(node);
  walk.give(node.outputs[0], slots);
  if (sizes) walk.countings.push({ kind: "shape", node, input: 3, slots, shape: sizes });
};

/** Maps as rows: as many entries for each channel as its map has. */
const flatten: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), dims = walk.shapeOf(node.inputs[0]), entries = sizeOf(dims?.slice(2));
  if (!slots || !dims || entries === undefined || positive(intAttribute(node, "axis", 1), dims.length) !== 1) return walk.lockInputs(node);
  walk.give(node.outputs[0], repeated(slots, entries));
};

const sizeOf = (dims: readonly (number | string)[] | undefined): number | undefined => dims?.reduce<number | undefined>((product, dim) => (product === undefined || typeof dim !== "number" ? undefined : product * dim), 1);
const repeated = (slots: Int32Array, times: number): Int32Array => Int32Array.from({ length: slots.length * times }, (_, i) => slots[Math.floor(i / times)]);

/** What only flattens maps, or gives rows an empty map. */
const reshape: Rule = (walk, node) => {
  const slots = walk.of(node.inputs[0]), dims = walk.shapeOf(node.inputs[0]), to = walk.shapeOf(node.outputs[0]), entries = sizeOf(dims?.slice(2));
  if (!slots || !dims || !to || entries === undefined || intAttribute(node, "allowzero", 0)) return walk.lockInputs(node);
  const flattened = repeated(slots, entries), target = node.inputs[1] ? walk.numbersOf(node.inputs[1]) : undefined, keepsBatch = to[0] === dims[0] && to[0] !== "?" || target?.[0] === 0;
  if (to.length < 2 || !keepsBatch || to[1] !== flattened.length || to.slice(2).some((dim) => dim !== 1)) return walk.lockInputs(node);
  const says = target?.[1] !== undefined ? target[1] : undefined;
  if (says === flattened.length && target) walk.countings.push({ kind: "shape", node, input: 1, slots: flattened, shape: target });
  else if (says !== -1) return walk.lockInputs(node);
  walk.give(node.outputs[0], flattened);
};

/** Sizes are looked at, but only that of the batch. */
const shape: Rule = (walk, node) => {
  const users = node.graph.consumers.get(node.outputs[0]) ?? [];
  if (!users.every((user) => user.graph === node.graph && user.op === "Gather" && walk.numbersOf(user.inputs[1])?.every((at) => at === 0))) walk.lockInputs(node);
};

const rules = (operators: readonly string[], rule: Rule): [string, Rule][] => operators.map((op) => [op, rule]);

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...rules(["Relu", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Gelu", "Tanh", "Softplus", "Softsign", "Erf", "Abs", "Neg", "Exp", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Identity", "Cast", "Clip", "Dropout"], passes),
  ...rules(["MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"], passes),
  ...rules(["BatchNormalization"], withVectors([1, 2, 3, 4], 2)), ...rules(["InstanceNormalization"], withVectors([1, 2], 2)), ...rules(["PRelu"], withVectors([1])),
  ...rules(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean"], elementwise),
  ...rules(["Conv", "ConvTranspose"], convolution), ...rules(["Gemm", "MatMul"], linear),
  ["Concat", concat], ["Split", split], ["Pad", pad], ["Slice", slice], ["Flatten", flatten], ["Reshape", reshape], ["Shape", shape],
  ...rules(["Squeeze", "Unsqueeze", "ReduceMean", "ReduceMax", "ReduceSum"], behindChannels), ...rules(["Resize", "Upsample"], resize),
]);
