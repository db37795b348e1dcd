import { KernelscopeError } from "../protocol/errors";
import { LARGEST_MODEL, ModelEdit } from "./edit";
import { initializerField, nodeField, type NodeSpec, type TensorData, valueField } from "./encode";
import { attributeTensors, type Graph, graphTensors, type Model, type Node, type ValueInfo } from "./model";
import { inlineExternal } from "./outside";
import { joinPieces, Patch, patchTexts, type Piece, piecesLength } from "./patch";
import { fieldOf, GRAPH, MODEL, NODE } from "./schema";
import { DataType, type Tensor } from "./tensor";
import { intField, lenField, lenHeader, type Span, textField } from "./wire";

export interface ExtractOptions {
  /** Values where the piece begins; each becomes an input, an initializer too. */
  inputs: string[];
  /** Values where it ends. */
  outputs: string[];
  replaceNodes?: Map<Node, NodeSpec[]>;
  /** Constants in place of what the model has under these names. */
  replaceTensors?: Map<string, TensorData>;
  addInitializers?: TensorData[];
  /** Nodes behind all others. */
  addNodes?: NodeSpec[];
  /** Types of inputs where they are not those that the model declares. */
  inputShapes?: Map<string, { type: number; shape?: (number | string)[] }>;
}

/** What of the main graph belongs to the piece. */
interface Part { nodes: Set<Node>; tensors: Set<string>; inputs: Set<string> }

/**
 * A runnable piece of the main graph in memory: from `inputs`, and whatever else of the model's inputs it turns out to need, to `outputs`.
 * Bodies, functions and operator sets come along, external data comes in.
 * @throws KernelscopeError "bad-model" where a value comes from nowhere, "unsupported" where the piece is larger than 2 GB
 */
export async function extract(model: Model, options: ExtractOptions): Promise<Uint8Array> {
  const { graph } = model, part = walk(graph, options), patch = new Patch(model.source);
  const drop = (fields: readonly { span?: Span }[]) => {
    for (const { span } of fields) if (span) patch.replaceField(span);
  };
  const names = new ModelEdit(model);
  // a node of the piece may also produce a value that comes in as an input
  const rename = (outputs: string[]) => outputs.map((name) => (part.inputs.has(name) ? names.freshName() : name));
  for (const node of graph.nodes) {
    const specs = options.replaceNodes?.get(node);
    if (!part.nodes.has(node)) patch.replaceField(node.span);
    else if (specs) patch.replaceField(node.span, specs.map((spec) => nodeField({ ...spec, outputs: rename(spec.outputs) })));
    else if (node.outputs.some((name) => part.inputs.has(name))) patchTexts(patch, node.span, fieldOf(NODE.output), node.outputFields, rename(node.outputs));
  }
  const given = new Map([...options.replaceTensors ?? [], ...(options.addInitializers ?? []).map((data) => [data.name, data] as const)]);
  const keeps = (name: string) => part.tensors.has(name) && !given.has(name);
  drop(graph.initializerList.filter((tensor) => !keeps(tensor.name)));
  drop([...graph.sparseInitializers.values()].filter(({ name }) => !keeps(name)));
  drop([...graph.inputs, ...graph.outputs, ...graph.valueInfoList, ...graph.quantization]);
  drop([...model.metadataSpans, ...model.spans.training.map((span) => ({ span }))]);
  patch.insert(graph.span, graph.span.end, [
    ...[...given].filter(([name]) => part.tensors.has(name)).flatMap(([name, data]) => initializerField({ ...data, name })),
    ...(options.addNodes ?? []).map(nodeField),
    ...[...part.inputs].flatMap((name) => inputField(model, name, options)),
    ...options.outputs.map((name) => lenField(fieldOf(GRAPH.output), textField(1, name))),
  ]);
  // from IR version 4 on, initializers need not be inputs, and are constants if they are not
  const { irVersion, opsets } = model.spans;
  if (model.irVersion < 4) patch.replace(undefined, irVersion?.tag ?? 0, irVersion?.end ?? 0, [intField(fieldOf(MODEL.irVersion), 4)]);
  if (!opsets.length) patch.insert(undefined, model.source.size, [lenField(fieldOf(MODEL.opset), textField(1, ""), intField(2, model.opset))]);
  await inlineExternal(model, tensorsOf(model, part, keeps), patch);
  const pieces = patch.pieces(), bytes = piecesLength(pieces);
  if (bytes > LARGEST_MODEL) throw new KernelscopeError("unsupported", `A part of the model that has to be run takes ${(bytes / 1e9).toFixed(1)} GB, more than the 2 GB that an ONNX model in memory can have. Compress this model without data.`);
  return joinPieces(pieces);
}

/** Walks back from the outputs. */
function walk(graph: Graph, { inputs, outputs, replaceNodes, replaceTensors, addInitializers = [], addNodes = [] }: ExtractOptions): Part {
  const part: Part = { nodes: new Set(), tensors: new Set(), inputs: new Set(inputs) };
  const constants = new Set([...replaceTensors?.keys() ?? [], ...addInitializers.map(({ name }) => name)]);
  const ownInputs = new Set(graph.inputs.map(({ name }) => name)), producers = new Map(graph.producers);
  for (const [node, specs] of replaceNodes ?? []) {
    for (const name of node.outputs) producers.delete(name);
    for (const { outputs } of specs) for (const name of outputs) producers.set(name, node);
  }
  const pending = [...outputs, ...addNodes.flatMap((spec) => spec.inputs)], seen = new Set(addNodes.flatMap((spec) => spec.outputs));
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (!name || seen.has(name) || part.inputs.has(name)) continue;
    seen.add(name);
    const node = producers.get(name);
    if (constants.has(name) || graph.initializers.has(name) || graph.sparseInitializers.has(name)) part.tensors.add(name);
    else if (node) {
      if (part.nodes.has(node)) continue;
      part.nodes.add(node);
      const specs = replaceNodes?.get(node);
      pending.push(...(specs ? specs.flatMap((spec) => spec.inputs) : [...node.inputs, ...node.captures]));
    } else if (ownInputs.has(name)) part.inputs.add(name);
    else throw new KernelscopeError("bad-model", `The model is damaged: nothing produces the value ${name}. Export it again.`);
  }
  return part;
}

/** An input as it is asked for, as the model declares it, or as the constant that it replaces; float otherwise. */
function inputField({ source, graph }: Model, name: string, { inputShapes }: ExtractOptions): Piece[] {
  const asked = inputShapes?.get(name), tensor = graph.initializers.get(name);
  const declared: ValueInfo | undefined = graph.inputs.find((input) => input.name === name) ?? graph.valueInfo.get(name) ?? graph.outputs.find((output) => output.name === name);
  if (asked) return [valueField(GRAPH.input, { name, ...asked })];
  if (declared?.span) {
    const { start, end } = declared.span;
    return [lenHeader(fieldOf(GRAPH.input), end - start), { source, start, end }];
  }
  return [valueField(GRAPH.input, tensor ? { name, type: tensor.type, shape: tensor.dims } : { name, type: DataType.FLOAT })];
}

/** Tensors that the piece has from the file. */
function* tensorsOf(model: Model, { nodes }: Part, keeps: (name: string) => boolean): Generator<Tensor> {
  for (const tensor of model.graph.initializerList) if (keeps(tensor.name)) yield tensor;
  for (const { name, values, indices } of model.graph.sparseInitializers.values()) {
    if (keeps(name) && values) yield values;
    if (keeps(name) && indices) yield indices;
  }
  for (const node of nodes) yield* attributeTensors(node);
  for (const body of model.graphs) {
    let outer = body;
    while (outer.parent?.parent) outer = outer.parent;
    if (outer.owner && nodes.has(outer.owner)) yield* graphTensors(body);
  }
  for (const { graph, graphs } of model.functions) for (const part of [graph, ...graphs]) yield* graphTensors(part);
}
