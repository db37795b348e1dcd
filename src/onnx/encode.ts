import { ATTRIBUTE, AttributeType, DIM, fieldOf, GRAPH, MODEL, NODE, SHAPE, TENSOR, TENSOR_TYPE, TYPE, VALUE } from "./schema";
import { concat, floatField, intField, lenField, lenHeader, textField, varint } from "./wire";

/** Encoders of what is added to a model. Fields stand in the order of their numbers, as other writers have it. */

/** A constant to be written: little-endian `raw` bytes, or `int64s`, which as varints are smaller than raw where the numbers are small. */
export interface TensorData { name: string; dims: number[]; type: number; raw?: Uint8Array; int64s?: number[] }

/** An attribute to be written; plain numbers are INT and INTS. */
export type AttributeValue = number | { float: number } | string | number[] | { floats: number[] } | { tensor: TensorData };

/** A node to be written. */
export interface NodeSpec {
  op: string;
  inputs: string[];
  outputs: string[];
  name?: string;
  domain?: string;
  attributes?: Record<string, AttributeValue>;
}

/** A value's name, element type and, where known, shape; "?" is a dimension without a name. */
export interface BorderValue { name: string; type: number; shape?: readonly (number | string)[] }

/** TensorProto content in pieces, so that large payloads are not copied. */
export function tensorParts({ name, dims, type, raw, int64s }: TensorData): Uint8Array[] {
  const field = (key: number): number => fieldOf(key);
  return [
    ...dims.map((dim) => intField(field(TENSOR.dims), dim)),
    intField(field(TENSOR.type), type),
    ...(int64s ? [lenField(field(TENSOR.int64sPacked), ...int64s.map(varint))] : []),
    ...(name ? [textField(field(TENSOR.name), name)] : []),
    ...(raw ? [lenHeader(field(TENSOR.raw), raw.length), raw] : []),
  ];
}

export const encodeTensor = (tensor: TensorData): Uint8Array => concat(tensorParts(tensor));

function encodeAttribute(name: string, value: AttributeValue): Uint8Array {
  const [type, ...fields] = attributeFields(value);
  return concat([textField(fieldOf(ATTRIBUTE.name), name), ...fields, intField(fieldOf(ATTRIBUTE.type), type)]);
}

function attributeFields(value: AttributeValue): [type: number, ...fields: Uint8Array[]] {
  if (typeof value === "number") return [AttributeType.INT, intField(fieldOf(ATTRIBUTE.i), value)];
  if (typeof value === "string") return [AttributeType.STRING, textField(fieldOf(ATTRIBUTE.s), value)];
  if (Array.isArray(value)) return [AttributeType.INTS, ...value.map((v) => intField(fieldOf(ATTRIBUTE.ints), v))];
  if ("float" in value) return [AttributeType.FLOAT, floatField(fieldOf(ATTRIBUTE.f), value.float)];
  if ("floats" in value) return [AttributeType.FLOATS, ...value.floats.map((v) => floatField(fieldOf(ATTRIBUTE.floats), v))];
  return [AttributeType.TENSOR, lenField(fieldOf(ATTRIBUTE.tensor), ...tensorParts(value.tensor))];
}

/** An attribute of a node, tag and length included. */
export const attributeField = (name: string, value: AttributeValue): Uint8Array => lenField(fieldOf(NODE.attribute), encodeAttribute(name, value));

/** NodeProto content. */
export function encodeNode({ op, inputs, outputs, name, domain, attributes = {} }: NodeSpec): Uint8Array {
  return concat([
    ...inputs.map((input) => textField(fieldOf(NODE.input), input)),
    ...outputs.map((output) => textField(fieldOf(NODE.output), output)),
    ...(name ? [textField(fieldOf(NODE.name), name)] : []),
    textField(fieldOf(NODE.op), op),
    ...Object.entries(attributes).map(([key, value]) => attributeField(key, value)),
    ...(domain ? [textField(fieldOf(NODE.domain), domain)] : []),
  ]);
}

/** ValueInfoProto content. */
export function encodeValueInfo({ name, type, shape }: BorderValue): Uint8Array {
  const dims = shape?.map((dim) => {
    const size = typeof dim === "number" ? [intField(fieldOf(DIM.value), dim)] : dim === "?" ? [] : [textField(fieldOf(DIM.parameter), dim)];
    return lenField(fieldOf(SHAPE.dim), ...size);
  });
  const tensor = [intField(fieldOf(TENSOR_TYPE.elemType), type), ...(dims ? [lenField(fieldOf(TENSOR_TYPE.shape), ...dims)] : [])];
  return concat([textField(fieldOf(VALUE.name), name), lenField(fieldOf(VALUE.type), lenField(fieldOf(TYPE.tensor), ...tensor))]);
}

/** A field of a graph, tag and length included. */
export const nodeField = (node: NodeSpec): Uint8Array => lenField(fieldOf(GRAPH.node), encodeNode(node));
export const initializerField = (tensor: TensorData | Uint8Array[]): Uint8Array[] => {
  const parts = Array.isArray(tensor) ? tensor : tensorParts(tensor);
  return [lenHeader(fieldOf(GRAPH.initializer), parts.reduce((sum, part) => sum + part.length, 0)), ...parts];
};
export const valueField = (key: typeof GRAPH.input | typeof GRAPH.output | typeof GRAPH.valueInfo, value: BorderValue): Uint8Array => lenField(fieldOf(key), encodeValueInfo(value));
/** A metadata entry of a model, tag and length included. */
export const metadataField = (key: string, value: string): Uint8Array => lenField(fieldOf(MODEL.metadata), textField(1, key), textField(2, value));

/** The bytes that a node or an initializer will take in the file, tag and length included. */
export function encodedSize(part: NodeSpec | TensorData): number {
  if ("op" in part) return nodeField(part).length;
  return initializerField(part).reduce((sum, bytes) => sum + bytes.length, 0);
}
