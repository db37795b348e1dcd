import type { Storage, Tensor, TensorHome } from "./tensor";
import type { FileRange, Span } from "./wire";

export { readModel } from "./reader";

/** An ONNX file: its structure in memory, its weights still in the file. */
export interface Model extends TensorHome {
  irVersion: number;
  /** Version of the standard operators (domain "ai.onnx"); 1 where the file names none. */
  opset: number;
  /** Operator set versions by domain; "" is ai.onnx. */
  opsets: Map<string, number>;
  /** Name and version of the program that wrote the file. */
  producer: string;
  metadata: Map<string, string>;
  graph: Graph;
  functions: ModelFunction[];
  /** The main graph, then all bodies inside it; a graph stands after its parent. */
  graphs: Graph[];
  /** The metadata entries in the file, repeated keys too. */
  metadataSpans: { key: string; span: Span }[];
  /** Top-level fields that a rewrite may have to replace. */
  spans: { irVersion?: Span; opsets: Span[]; training: Span[] };
}

export interface Graph {
  name: string;
  /** "" for the main graph; for bodies "<node name or operator_index>/<attribute>", joined by "/". Unique in the model. */
  path: string;
  parent?: Graph;
  /** The node that this graph is a body of. */
  owner?: Node;
  nodes: Node[];
  /** By name; where a file repeats one, the last, as onnxruntime has it. */
  initializers: Map<string, Tensor>;
  sparseInitializers: Map<string, SparseTensor>;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  valueInfo: Map<string, ValueInfo>;
  producers: Map<string, Node>;
  /** Nodes that use a value of this graph, in bodies too. */
  consumers: Map<string, Node[]>;
  /** Initializers that a caller may replace with an input (IR version 4 on): no constants, whatever they hold. */
  overridable: Set<string>;
  /** All initializers in the order of the file. */
  initializerList: Tensor[];
  valueInfoList: ValueInfo[];
  quantization: { tensor: string; span: Span }[];
  metadata: Span[];
  span: Span;
}

export interface ModelFunction {
  name: string;
  domain: string;
  overload: string;
  inputs: string[];
  outputs: string[];
  opsets: Map<string, number>;
  nodes: Node[];
  /** The body, with path "functions/<domain>:<name>". */
  graph: Graph;
  /** Graphs inside the function. */
  graphs: Graph[];
}

export interface ValueInfo {
  name: string;
  elemType?: number;
  /** An unknown dimension is "?" or its symbolic name. Absent where the rank is unknown too. */
  shape?: (number | string)[];
  span?: Span;
}

export interface SparseTensor { name: string; dims: number[]; values?: Tensor; indices?: Tensor; bytes: number; span: Span }

export interface Node {
  /** Position in its graph. */
  index: number;
  name: string;
  op: string;
  /** "" is ai.onnx. */
  domain: string;
  /** Names one of several functions with the same name. */
  overload: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  /** Values of graphs around it that its bodies use. */
  captures: Set<string>;
  graph: Graph;
  /** Serialized bytes, tag and length included; external bytes of its attributes too. */
  bytes: number;
  span: Span;
  /** Where the names of its inputs and outputs lie in the file. */
  inputFields: FileRange[];
  outputFields: FileRange[];
  /** Where its name and its documentation lie, which nothing computes with. */
  wordFields: FileRange[];
}

/** An attribute's value in the field that `type` says. */
export interface Attribute {
  name: string;
  /** AttributeProto.AttributeType */
  type: number;
  f?: number;
  /** Rounded beyond 2^53. */
  i?: number;
  /** Absent where it is longer than a megabyte. */
  s?: Uint8Array;
  tensor?: Tensor;
  floats: number[];
  /** Rounded beyond 2^53; `longs` then has all of them exactly. */
  ints: number[];
  /** Absent where all of `ints` are exact. */
  longs?: bigint[];
  strings: Uint8Array[];
  tensors: Tensor[];
  graphs: Graph[];
  sparse?: SparseTensor;
  /** Name of the function's attribute that gives the value. */
  reference?: string;
  span: Span;
}

export function intAttribute(node: Node, name: string, fallback: number): number {
  return node.attributes.get(name)?.i ?? fallback;
}

export function intsAttribute(node: Node, name: string): number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.reference ? undefined : attribute?.ints;
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  return node.attributes.get(name)?.f ?? fallback;
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const bytes = node.attributes.get(name)?.s;
  return bytes ? new TextDecoder().decode(bytes) : fallback;
}

export function tensorAttribute(node: Node, name: string): Tensor | undefined {
  return node.attributes.get(name)?.tensor;
}

/** Whether a domain is that of the standard operators. */
export const isStandardDomain = (domain: string): boolean => domain === "" || domain === "ai.onnx";

/** Every tensor that lies in a node's attributes, without those of its bodies. */
export function* attributeTensors(node: Node): Generator<Tensor> {
  for (const attribute of node.attributes.values()) {
    if (attribute.tensor) yield attribute.tensor;
    yield* attribute.tensors;
    if (attribute.sparse?.values) yield attribute.sparse.values;
    if (attribute.sparse?.indices) yield attribute.sparse.indices;
  }
}

/** Every tensor of one graph, without those of its bodies. */
export function* graphTensors(graph: Graph): Generator<Tensor> {
  yield* graph.initializerList;
  for (const { values, indices } of graph.sparseInitializers.values()) {
    if (values) yield values;
    if (indices) yield indices;
  }
  for (const node of graph.nodes) yield* attributeTensors(node);
}

/** All graphs of the file: the main one, bodies, functions and their bodies. */
export const allGraphs = (model: Model): Graph[] => [...model.graphs, ...model.functions.flatMap((f) => [f.graph, ...f.graphs])];

/** The one node that reads a value, which is no output of the graph. */
export function onlyReader(graph: Graph, name: string): Node | undefined {
  const readers = graph.consumers.get(name) ?? [];
  return readers.length === 1 && !graph.outputs.some((output) => output.name === name) ? readers[0] : undefined;
}

/** Every tensor of the file: initializers, sparse ones, attributes; in bodies and functions too. */
export function* allTensors(model: Model): Generator<Tensor> {
  for (const graph of allGraphs(model)) yield* graphTensors(graph);
}

export type { Storage, Tensor };
