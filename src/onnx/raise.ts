import type { AttributeValue, NodeSpec, TensorData } from "./encode";
import { type Attribute, isStandardDomain, type Node } from "./model";
import { AttributeType } from "./schema";
import type { Shape } from "./shape-rules";
import { DataType } from "./tensor";

/** The operator set that nodes are raised to at most. */
export const RAISED_OPSET = 18;
/** The least operator set that nodes are raised to. */
export const LEAST_RAISED = 13;
/** The oldest operator set that can be raised: before it, broadcasting had rules of its own. */
export const OLDEST_OPSET = 7;

/** A node of an older operator set in terms of a newer one, with the constants that have become inputs. */
export interface RaisedNode { nodes: NodeSpec[]; constants: TensorData[] }

interface Context {
  node: Node;
  opset: number;
  /** The operator set that it is raised to. */
  to: number;
  spec: NodeSpec;
  constants: TensorData[];
  /** A name that is used nowhere. */
  fresh(): string;
  shapeOf(name: string): Shape | undefined;
}

/** Changes `context.spec`, or gives nodes in its place. */
type Rule = (context: Context) => NodeSpec[] | undefined;

/**
 * Rewrites a node of the standard operators to a newer operator set, {@link LEAST_RAISED} to {@link RAISED_OPSET}, whatever it was written for from {@link OLDEST_OPSET} on.
 * Bodies are not looked into. Undefined for nodes with attributes that cannot be carried over: graphs, and references to a function's.
 */
export function raiseNode(node: Node, opset: number, fresh: () => string, shapeOf: (name: string) => Shape | undefined, to = RAISED_OPSET): RaisedNode | undefined {
  const spec = specOf(node), constants: TensorData[] = [];
  if (!spec) return undefined;
  if (!isStandardDomain(node.domain)) return { nodes: [spec], constants };
  const nodes = RULES.get(node.op)?.({ node, opset, to, spec, constants, fresh, shapeOf });
  return { nodes: nodes ?? [spec], constants };
}

/** A node of a file as one to be written. */
function specOf({ op, name, domain, inputs, outputs, attributes }: Node): NodeSpec | undefined {
  const values: Record<string, AttributeValue> = {};
  for (const attribute of attributes.values()) {
    const value = attribute.reference ? undefined : valueOf(attribute);
    if (value === undefined) return undefined;
    values[attribute.name] = value;
  }
  return { op, name, domain, inputs: [...inputs], outputs: [...outputs], attributes: values };
}

function valueOf({ type, f, i, s, floats, ints, longs }: Attribute): AttributeValue | undefined {
  switch (type) {
    case AttributeType.FLOAT: return { float: f ?? 0 };
    case AttributeType.INT: return i ?? 0;
    case AttributeType.STRING: return s && new TextDecoder().decode(s);
    case AttributeType.FLOATS: return { floats };
    case AttributeType.INTS: return longs ? undefined : ints;
    default: return undefined;
  }
}

function addConstant({ constants, fresh }: Context, data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>, dims: number[]): string {
  const name = fresh();
  constants.push({ name, dims, type: data instanceof Float32Array ? DataType.FLOAT : DataType.INT64, raw: new Uint8Array(data.buffer) });
  return name;
}

const addInts = (context: Context, values: readonly number[]): string => addConstant(context, BigInt64Array.from(values, BigInt), [values.length]);

/** Takes an attribute off the node. */
function take({ spec }: Context, name: string): AttributeValue | undefined {
  const { [name]: value, ...rest } = spec.attributes ?? {};
  spec.attributes = rest;
  return value;
}

const takeInts = (context: Context, name: string): number[] | undefined => {
  const value = take(context, name);
  return Array.isArray(value) ? value : undefined;
};

function setInput({ spec: { inputs } }: Context, at: number, name: string): void {
  while (inputs.length < at) inputs.push("");
  inputs[at] = name;
}

/** An attribute of integers that became an input. */
const asInput = (attribute: string, at: number): Rule => (context) => {
  const values = takeInts(context, attribute);
  if (values) setInput(context, at, addInts(context, values));
  return undefined;
};

/** Axes of reductions, but for sums, are an input since opset 18. */
const axes: Rule = (context) => (context.to >= 18 || context.node.op === "ReduceSum" ? asInput("axes", 1)(context) : undefined);

const inOrder = (...rules: Rule[]): Rule => (context) => {
  for (const rule of rules) {
    const nodes = rule(context);
    if (nodes) return nodes;
  }
  return undefined;
};

/** Bounds that were attributes. */
const clip: Rule = (context) => {
  for (const [name, at] of [["min", 1], ["max", 2]] as const) {
    const value = take(context, name);
    if (value && typeof value === "object" && "float" in value) setInput(context, at, addConstant(context, Float32Array.of(value.float), []));
  }
  return undefined;
};

const pad: Rule = (context) => {
  const pads = takeInts(context, "pads") ?? takeInts(context, "paddings"), value = take(context, "value");
  if (!pads) return undefined;
  setInput(context, 1, addInts(context, pads));
  if (value && typeof value === "object" && "float" in value && value.float !== 0) setInput(context, 2, addConstant(context, Float32Array.of(value.float), []));
  return undefined;
};

/** Even parts have to be asked for since opset 18. */
const evenSplit: Rule = ({ spec, to }) => {
  if (to >= 18 && !spec.inputs[1] && spec.attributes?.num_outputs === undefined) spec.attributes = { ...spec.attributes, num_outputs: spec.outputs.length };
  return undefined;
};

/** Before opset 13 everything from the axis on was one row. */
const softmax: Rule = (context) => {
  const { opset, spec, fresh } = context, { axis: given } = spec.attributes ?? {}, shape = context.shapeOf(spec.inputs[0]);
  if (opset >= 13) return undefined;
  const axis = typeof given === "number" ? given : 1;
  spec.attributes = { ...spec.attributes, axis };
  if (axis === -1 || (shape && (axis < 0 ? axis + shape.length : axis) === shape.length - 1)) return undefined;
  const flat = fresh(), result = fresh(), { inputs: [x], outputs } = spec;
  const isKnown = shape?.every((dim): dim is number => typeof dim === "number"), size = isKnown ? addInts(context, shape.map(Number)) : fresh();
  return [
    { op: "Flatten", inputs: [x], outputs: [flat], attributes: { axis } },
    { ...spec, inputs: [flat], outputs: [result], attributes: { axis: -1 } },
    ...(isKnown ? [] : [{ op: "Shape", inputs: [x], outputs: [size] }]),
    { op: "Reshape", inputs: [result, size], outputs },
  ];
};

/** A zoom by whole factors as Upsample and the first Resize had it: the pixel above and left. */
const zoom: Rule = (context) => {
  const { spec, opset, node } = context;
  if (node.op === "Resize" && opset >= 11) return undefined;
  const scales = take(context, "scales"), mode = spec.attributes?.mode ?? "nearest";
  const factors = scales && typeof scales === "object" && "floats" in scales ? addConstant(context, Float32Array.from(scales.floats), [scales.floats.length]) : spec.inputs[1];
  return [{ ...spec, op: "Resize", inputs: [spec.inputs[0], "", factors], attributes: { mode, coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" } }];
};

const batchNormalization: Rule = (context) => {
  const { spec, opset } = context;
  take(context, "spatial");
  // outputs of training, which nobody asks for at inference
  if (opset < 14) spec.outputs.length = 1;
  return undefined;
};

const dropout: Rule = ({ spec }) => [{ op: "Identity", inputs: [spec.inputs[0]], outputs: [spec.outputs[0]] }];

const renamed = (op: string): Rule => ({ spec }) => [{ ...spec, op }];

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Clip", clip], ["Pad", pad], ["Softmax", softmax], ["LogSoftmax", softmax], ["Upsample", zoom], ["Resize", zoom], ["BatchNormalization", batchNormalization], ["Dropout", dropout], ["Scatter", renamed("ScatterElements")],
  ["Squeeze", asInput("axes", 1)], ["Unsqueeze", asInput("axes", 1)], ["Split", inOrder(asInput("split", 1), evenSplit)],
  ["Slice", inOrder(asInput("starts", 1), asInput("ends", 2), asInput("axes", 3))],
  ...["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"].map((op): [string, Rule] => [op, axes]),
]);
