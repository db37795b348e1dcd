import { KernelscopeError } from "../protocol/errors";
import type { ByteSink } from "./bytes";
import { attributeField, type AttributeValue, initializerField, metadataField, nodeField, type NodeSpec, type TensorData, valueField } from "./encode";
import { allGraphs, allTensors, type Graph, type Model, type Node, type ValueInfo } from "./model";
import { ExternalFile, type ExternalTarget, inlineBlank, inlineExternal, moveExternal, partsOf } from "./outside";
import { joinPieces, Patch, patchTexts, type Piece, piecesLength, writePieces } from "./patch";
import { fieldOf, GRAPH, MODEL, NODE } from "./schema";
import type { Tensor } from "./tensor";
import { intField, lenField, lenHeader, type Span, textField } from "./wire";

export { encodedSize, encodeNode, encodeTensor, type AttributeValue, type NodeSpec, type TensorData } from "./encode";

export interface WriteOptions {
  signal?: AbortSignal;
  /** What becomes of tensors in external files; "keep" by default. */
  external?: ExternalTarget;
}

interface NodeChange { before: NodeSpec[]; specs?: NodeSpec[]; inputs?: string[]; outputs?: string[]; wordless?: boolean; attributes?: Map<string, AttributeValue | undefined> }
interface GraphChange { start: NodeSpec[]; end: NodeSpec[]; added: Map<string, TensorData>; removedInputs: Set<string>; removed: Set<string>; undeclared: Set<string> }

/** No protobuf reader takes a longer message. */
export const LARGEST_MODEL = 2 ** 31 - 1;

/** Collects changes to a model, and writes the file that has them; what is not changed is copied byte for byte. The source stays as it is. */
export class ModelEdit {
  private readonly nodes = new Map<Node, NodeChange>();
  private readonly graphs = new Map<Graph, GraphChange>();
  private readonly tensors = new Map<Tensor, TensorData>();
  private readonly metadata = new Map<string, string>();
  private readonly counters = new Map<string, number>();
  private readonly names: Set<string>;
  private opset: number | undefined;

  constructor(readonly model: Model) { this.names = usedNames(model); }

  /** A name that nothing in any graph has: the prefix and a number, as short as possible. */
  freshName(prefix = ""): string {
    for (let i = this.counters.get(prefix) ?? 0; ; i++) {
      const name = prefix + i.toString(36);
      if (this.names.has(name)) continue;
      this.names.add(name);
      this.counters.set(prefix, i + 1);
      return name;
    }
  }

  /** Takes an initializer away, and with it the graph input and the quantization annotation of its name. */
  removeInitializer(graph: Graph, name: string): void {
    const change = this.graphChange(graph);
    if (change.added.delete(name)) return;
    change.removed.add(name);
    change.removedInputs.add(name);
  }

  addInitializer(graph: Graph, data: TensorData): void {
    this.names.add(data.name);
    this.graphChange(graph).added.set(data.name, data);
  }

  /** Gives a constant another value, in its place; a `Constant` node becomes an initializer. */
  replaceInitializer(graph: Graph, name: string, data: TensorData): void {
    const tensor = graph.initializers.get(name), producer = graph.producers.get(name);
    if (tensor) this.tensors.set(tensor, { ...data, name });
    else if (producer?.outputs.length === 1) {
      this.removeNode(producer);
      this.addInitializer(graph, { ...data, name });
    } else throw new RangeError(`${name} is no constant of its own in graph ${graph.path}.`);
  }

  /** Adds nodes before a node, or before or after all of the graph's. */
  insertNodes(graph: Graph, at: Node | "start" | "end", specs: NodeSpec[]): void {
    for (const { outputs } of specs) for (const name of outputs) this.names.add(name);
    (typeof at === "string" ? this.graphChange(graph)[at] : this.nodeChange(at).before).push(...specs);
  }

  replaceNode(node: Node, specs: NodeSpec[]): void { this.nodeChange(node).specs = specs; }

  removeNode(node: Node): void { this.replaceNode(node, []); }

  /** Connects a node's inputs anew; its other fields stay byte for byte. */
  setNodeInputs(node: Node, inputs: string[]): void { this.nodeChange(node).inputs = inputs; }

  /** Gives a node's outputs other names; its other fields stay byte for byte. */
  setNodeOutputs(node: Node, outputs: string[]): void {
    for (const name of outputs) this.names.add(name);
    this.nodeChange(node).outputs = outputs;
  }

  /** Gives a node's attribute another value, or takes it away; its other fields stay byte for byte. */
  setAttribute(node: Node, name: string, value: AttributeValue | undefined): void {
    const change = this.nodeChange(node);
    (change.attributes ??= new Map()).set(name, value);
  }

  /** Takes a node's name and documentation away. */
  dropWords(node: Node): void { this.nodeChange(node).wordless = true; }

  /** Takes away what the graph says of a value's type and shape, where it is another now. */
  undeclare(graph: Graph, name: string): void { this.graphChange(graph).undeclared.add(name); }

  /** The version of the standard operators that the new file is written for; its IR version is at least the one that came with it. */
  setOpset(version: number): void { this.opset = version; }

  setMetadata(key: string, value: string): void { this.metadata.set(key, value); }

  /** Takes a graph input away; an initializer of that name is then a constant. */
  removeGraphInput(graph: Graph, name: string): void { this.graphChange(graph).removedInputs.add(name); }

  /** Bytes of the new file with all external data inside. */
  size(): number {
    const patch = this.patch();
    inlineBlank(this.keptTensors(), patch);
    return piecesLength(patch.pieces());
  }

  /** Streams the new file. @returns its bytes */
  async write(sink: ByteSink, { signal, external = "keep" }: WriteOptions = {}): Promise<number> {
    const target = typeof external === "object" ? external : undefined, file = target && new ExternalFile(target.location), patch = this.patch(file);
    if (external === "inline") await inlineExternal(this.model, this.keptTensors(), patch);
    if (target && file) {
      await moveExternal(this.model, this.keptTensors(), file, patch);
      await writePieces(file.pieces, target.sink, signal);
    }
    const pieces = patch.pieces();
    if (piecesLength(pieces) > LARGEST_MODEL) throw new KernelscopeError("unsupported", "The file would be larger than 2 GB, which an ONNX file cannot be. Keep its weights in external data.");
    return writePieces(pieces, sink, signal);
  }

  /** The new file in pieces, external data kept where it is. */
  pieces(): Piece[] { return this.patch().pieces(); }

  /** The new file in memory, external data kept where it is. */
  async toBytes(): Promise<Uint8Array> { return joinPieces(this.pieces()); }

  private graphChange(graph: Graph): GraphChange {
    let change = this.graphs.get(graph);
    if (!change) this.graphs.set(graph, change = { start: [], end: [], added: new Map(), removedInputs: new Set(), removed: new Set(), undeclared: new Set() });
    return change;
  }

  private nodeChange(node: Node): NodeChange {
    let change = this.nodes.get(node);
    if (!change) this.nodes.set(node, change = { before: [] });
    return change;
  }

  /** All changes, as changes to bytes. */
  private patch(file?: ExternalFile): Patch {
    const { model } = this, patch = new Patch(model.source);
    for (const [key, value] of this.metadata) {
      const [first, ...repeated] = model.metadataSpans.filter((entry) => entry.key === key);
      if (first) patch.replaceField(first.span, [metadataField(key, value)]);
      else patch.insert(undefined, model.source.size, [metadataField(key, value)]);
      for (const { span } of repeated) patch.replaceField(span);
    }
    if (this.opset !== undefined) patchOpset(model, this.opset, patch);
    for (const [graph, change] of this.graphs) this.patchGraph(graph, change, patch, file);
    for (const [node, change] of this.nodes) patchNode(node, change, patch);
    for (const graph of model.graphs) for (const tensor of graph.initializerList) {
      const data = this.tensors.get(tensor);
      if (data && !this.graphs.get(graph)?.removed.has(tensor.name)) patchTensor(graph, tensor, partsOf(data, file), data, patch);
    }
    return patch;
  }

  private patchGraph(graph: Graph, { start, end, added, removed, removedInputs, undeclared }: GraphChange, patch: Patch, file?: ExternalFile): void {
    const { nodes, span } = graph, last = nodes.at(-1);
    patch.insert(span, nodes.length ? nodes[0].span.tag : span.end, start.map(nodeField));
    patch.insert(span, last ? last.span.end : span.end, end.map(nodeField));
    const gone: (Span | undefined)[] = [
      ...graph.initializerList.filter(({ name }) => removed.has(name)).map((tensor) => tensor.span),
      ...[...graph.sparseInitializers.values()].filter(({ name }) => removed.has(name)).map((sparse) => sparse.span),
      ...graph.quantization.filter(({ tensor }) => removed.has(tensor)).map((annotation) => annotation.span),
      ...graph.inputs.filter(({ name }) => removedInputs.has(name)).map((input) => input.span),
      ...graph.valueInfoList.filter(({ name }) => undeclared.has(name)).map((value) => value.span),
    ];
    for (const field of gone) if (field) patch.replaceField(field);
    patch.insert(span, graph.initializerList.at(-1)?.span?.end ?? span.end, [...added.values()].flatMap((data) => initializerField(partsOf(data, file))));
    // below IR version 4 every initializer of the main graph is an input, too
    const asInputs = this.model.irVersion < 4 && this.opset === undefined && !graph.parent ? [...added.values()] : [];
    const kept = (name: string) => graph.inputs.some((input) => input.name === name) && !removedInputs.has(name);
    patch.insert(span, graph.inputs.at(-1)?.span?.end ?? span.end, asInputs.filter(({ name }) => !kept(name)).map(({ name, type, dims }) => valueField(GRAPH.input, { name, type, shape: dims })));
  }

  /** Tensors that will be in the new file as they are. */
  private *keptTensors(): Generator<Tensor> {
    const gone = new Set<Span>();
    for (const [{ span }, { specs }] of this.nodes) if (specs) gone.add(span);
    for (const [graph, { removed }] of this.graphs) {
      for (const { name, span } of [...graph.initializerList, ...graph.sparseInitializers.values()]) if (span && removed.has(name)) gone.add(span);
    }
    for (const tensor of allTensors(this.model)) {
      let span = this.tensors.has(tensor) ? undefined : tensor.span;
      const exists = span !== undefined;
      while (span && !gone.has(span)) span = span.parent;
      if (exists && !span) yield tensor;
    }
  }
}

function patchNode({ span, inputFields, outputFields, wordFields, attributes: known }: Node, { before, specs, inputs, outputs, wordless, attributes = new Map<string, AttributeValue | undefined>() }: NodeChange, patch: Patch): void {
  patch.insert(span.parent, span.tag, before.map(nodeField));
  if (specs) patch.replaceField(span, specs.map(nodeField));
  else {
    if (inputs) patchTexts(patch, span, fieldOf(NODE.input), inputFields, inputs);
    if (outputs) patchTexts(patch, span, fieldOf(NODE.output), outputFields, outputs);
    for (const [name, value] of attributes) {
      const field = known.get(name)?.span, pieces = value === undefined ? [] : [attributeField(name, value)];
      if (field) patch.replaceField(field, pieces);
      else patch.insert(span, span.end, pieces);
    }
    if (wordless) for (const { start, end } of wordFields) patch.replace(span, start, end);
  }
}

/** IR version that has constants which are no inputs, and every operator set up to 18. */
const RAISED_IR = 8;

function patchOpset({ spans: { irVersion, opsets }, irVersion: have, opsets: versions, source }: Model, version: number, patch: Patch): void {
  const fields = [...new Map([...versions, ["", version]])].map(([domain, number]) => lenField(fieldOf(MODEL.opset), textField(1, domain), intField(2, number)));
  for (const span of opsets) patch.replaceField(span);
  patch.insert(undefined, source.size, fields);
  if (have < RAISED_IR) patch.replace(undefined, irVersion?.tag ?? 0, irVersion?.end ?? 0, [intField(fieldOf(MODEL.irVersion), RAISED_IR)]);
}

function patchTensor(graph: Graph, tensor: Tensor, content: Uint8Array[], data: TensorData, patch: Patch): void {
  if (!tensor.span) return;
  const { source } = patch, parts: Piece[] = [...content, ...tensor.otherFields.map(({ start, end }) => ({ source, start, end }))];
  patch.replaceField(tensor.span, [lenHeader(fieldOf(GRAPH.initializer), piecesLength(parts)), ...parts]);
  if (tensor.type === data.type && tensor.dims.join() === data.dims.join()) return;
  const declared = (values: ValueInfo[], key: typeof GRAPH.input | typeof GRAPH.valueInfo) => {
    for (const { name, span } of values) if (name === tensor.name && span) patch.replaceField(span, [valueField(key, { name, type: data.type, shape: data.dims })]);
  };
  declared(graph.inputs, GRAPH.input);
  declared(graph.valueInfoList, GRAPH.valueInfo);
}

/** Every name in the model: values, nodes, in bodies and functions too. */
function usedNames(model: Model): Set<string> {
  const names = new Set<string>();
  for (const graph of allGraphs(model)) {
    for (const { name, inputs, outputs } of graph.nodes) for (const used of [name, ...inputs, ...outputs]) names.add(used);
    for (const { name } of [...graph.initializerList, ...graph.inputs, ...graph.outputs, ...graph.valueInfoList]) names.add(name);
    for (const name of graph.sparseInitializers.keys()) names.add(name);
  }
  return names;
}
