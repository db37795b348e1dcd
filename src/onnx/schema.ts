import { FIXED32, FIXED64, LEN, VARINT } from "./wire";

/** Keys (field number and wire type) of ONNX messages, as far as they are read here. Everything else is copied unread. */

const number = (field: number): number => field * 8 + VARINT;
const bytes = (field: number): number => field * 8 + LEN;
const float = (field: number): number => field * 8 + FIXED32;
const double = (field: number): number => field * 8 + FIXED64;
/** The field number of a key. */
export const fieldOf = (key: number): number => key >>> 3;

export const MODEL = {
  irVersion: number(1), producerName: bytes(2), producerVersion: bytes(3), graph: bytes(7), opset: bytes(8),
  metadata: bytes(14), training: bytes(20), function: bytes(25),
} as const;
export const OPSET = { domain: bytes(1), version: number(2) } as const;
export const ENTRY = { key: bytes(1), value: bytes(2) } as const;
export const GRAPH = {
  node: bytes(1), name: bytes(2), initializer: bytes(5), doc: bytes(10), input: bytes(11), output: bytes(12), valueInfo: bytes(13),
  quantization: bytes(14), sparseInitializer: bytes(15), metadata: bytes(16),
} as const;
export const QUANTIZATION = { tensor: bytes(1) } as const;
export const FUNCTION = { name: bytes(1), input: bytes(4), output: bytes(5), node: bytes(7), opset: bytes(9), domain: bytes(10), overload: bytes(13) } as const;
export const NODE = { input: bytes(1), output: bytes(2), name: bytes(3), op: bytes(4), attribute: bytes(5), doc: bytes(6), domain: bytes(7), overload: bytes(8) } as const;
export const ATTRIBUTE = {
  name: bytes(1), f: float(2), i: number(3), s: bytes(4), tensor: bytes(5), graph: bytes(6), floats: float(7), floatsPacked: bytes(7),
  ints: number(8), intsPacked: bytes(8), strings: bytes(9), tensors: bytes(10), graphs: bytes(11), type: number(20), reference: bytes(21),
  sparse: bytes(22), sparses: bytes(23),
} as const;
export const SPARSE = { values: bytes(1), indices: bytes(2), dims: number(3), dimsPacked: bytes(3) } as const;
export const TENSOR = {
  dims: number(1), dimsPacked: bytes(1), type: number(2), segment: bytes(3),
  floats: float(4), floatsPacked: bytes(4), int32s: number(5), int32sPacked: bytes(5), strings: bytes(6), int64s: number(7), int64sPacked: bytes(7),
  name: bytes(8), raw: bytes(9), doubles: double(10), doublesPacked: bytes(10), uint64s: number(11), uint64sPacked: bytes(11), doc: bytes(12),
  external: bytes(13), location: number(14), metadata: bytes(16),
} as const;
export const VALUE = { name: bytes(1), type: bytes(2) } as const;
export const TYPE = { tensor: bytes(1) } as const;
export const TENSOR_TYPE = { elemType: number(1), shape: bytes(2) } as const;
export const SHAPE = { dim: bytes(1) } as const;
export const DIM = { value: number(1), parameter: bytes(2) } as const;

/** AttributeProto.AttributeType */
export const AttributeType = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, GRAPH: 5, FLOATS: 6, INTS: 7, STRINGS: 8, TENSORS: 9, GRAPHS: 10, SPARSE_TENSOR: 11, SPARSE_TENSORS: 12 } as const;
