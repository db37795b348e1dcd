import { KernelscopeError } from "../protocol/errors";
import { explainBadFile } from "./badfile";
import type { ByteSource, ExternalFiles } from "./bytes";
import { link } from "./link";
import { attributeTensors, type Attribute, type Graph, type Model, type ModelFunction, type Node } from "./model";
import { orderedSource } from "./order";
import { packedInts, readEntry, readFirstText, readOpset, readSparse, readTensor, readValueInfo } from "./values";
import { ATTRIBUTE, AttributeType, FUNCTION, GRAPH, MODEL, NODE, QUANTIZATION } from "./schema";
import { Cursor, type Span, spanBytes, Window, WireError } from "./wire";

/** A body found on the way, to be read after the graph that it is in: files may nest deeper than a call stack. */
interface PendingBody { cursor: Cursor; span: Span; owner: Node; attribute: Attribute; graphs: Graph[] }

const DEEPEST = 500, LONGEST_STRING = 1 << 20;

/**
 * Reads a model's structure; weights stay in the file. Nodes are in an order in which they can run, and so they are in what is written of it.
 * @throws KernelscopeError "bad-model" or "truncated" with one sentence that says what the file is instead, or where it breaks off
 */
export async function readModel(source: ByteSource, external?: ExternalFiles): Promise<Model> {
  try {
    const model = await new Reader(source, external).read(), ordered = orderedSource(model);
    return ordered ? await new Reader(ordered, external).read() : model;
  } catch (error) {
    throw await explainBadFile(source, error);
  }
}

class Reader {
  private readonly window: Window;
  private readonly pending: PendingBody[] = [];
  private readonly paths = new Set<string>();

  constructor(private readonly source: ByteSource, private readonly external?: ExternalFiles) {
    this.window = new Window(source);
  }

  async read(): Promise<Model> {
    const cursor = new Cursor(this.window, 0, this.source.size);
    const producer = ["", ""], opsets = new Map<string, number>(), functions: ModelFunction[] = [];
    const metadata = new Map<string, string>(), metadataSpans: Model["metadataSpans"] = [];
    const spans: Model["spans"] = { opsets: [], training: [] };
    let irVersion = 0, graph: Graph | undefined;
    while (cursor.next() ?? await cursor.nextAfterRead()) {
      switch (cursor.key) {
        case MODEL.irVersion:
          irVersion = cursor.int;
          spans.irVersion = cursor.span();
          break;
        case MODEL.producerName: producer[0] = await cursor.text(); break;
        case MODEL.producerVersion: producer[1] = await cursor.text(); break;
        case MODEL.opset:
          spans.opsets.push(cursor.span());
          await readOpset(cursor.inside(), opsets);
          break;
        case MODEL.metadata: {
          const span = cursor.span(), [key, value] = await readEntry(cursor.inside());
          metadata.set(key, value);
          metadataSpans.push({ key, span });
          break;
        }
        case MODEL.training: spans.training.push(cursor.span()); break;
        case MODEL.graph:
          if (graph) throw new KernelscopeError("bad-model", "This file holds two main graphs, as if two models had been joined. Export it again.");
          graph = await this.readGraph(cursor.inside(), newGraph(cursor.span(), ""));
          break;
        case MODEL.function: functions.push(await this.readFunction(cursor.inside(), cursor.span())); break;
      }
    }
    if (!graph) throw new KernelscopeError("bad-model", "This file holds no ONNX graph. Choose a model exported to ONNX.");
    const bodies = await this.readPending();
    if (irVersion >= 3 && opsets.size === 0) throw new KernelscopeError("bad-model", "This model does not say which operators it uses (it has no opset_import), so no runtime can open it. It may have been cut off: copy or export it again.");
    const isIn = (part: Graph) => (body: Graph) => rootOf(body) === part;
    for (const f of functions) f.graphs = bodies.filter(isIn(f.graph));
    const model: Model = {
      source: this.source, external: this.external, irVersion, opsets, opset: opsets.get("") ?? 1, producer: producer.filter(Boolean).join(" "),
      metadata, graph, functions, graphs: [graph, ...bodies.filter(isIn(graph))], metadataSpans, spans,
    };
    link(model);
    return model;
  }

  private async readPending(): Promise<Graph[]> {
    const bodies: Graph[] = [];
    for (let i = 0; i < this.pending.length; i++) {
      const { cursor, span, owner, attribute, graphs } = this.pending[i];
      let depth = 0;
      for (let graph: Graph | undefined = owner.graph; graph; graph = graph.parent) depth++;
      if (depth > DEEPEST) throw new KernelscopeError("bad-model", `This model nests more than ${DEEPEST} graphs inside each other, which no runtime opens.`);
      const body = newGraph(span, this.pathOf(owner, attribute.name), owner);
      graphs.push(body);
      bodies.push(await this.readGraph(cursor, body));
    }
    return bodies;
  }

  /** A body's path; nodes without a name, or with one that is taken, are called by operator and position. */
  private pathOf(owner: Node, attribute: string): string {
    const before = owner.graph.path && owner.graph.path + "/", position = `${owner.op}_${owner.index}`;
    const tries = [`${before}${owner.name || position}/${attribute}`, `${before}${position}/${attribute}`];
    const path = tries.find((path) => !this.paths.has(path)) ?? `${tries[1]}_${this.paths.size}`;
    this.paths.add(path);
    return path;
  }

  private async readFunction(cursor: Cursor, span: Span): Promise<ModelFunction> {
    const graph = newGraph(span, "");
    const f: ModelFunction = { name: "", domain: "", overload: "", inputs: [], outputs: [], opsets: new Map(), nodes: graph.nodes, graph, graphs: [] };
    while (cursor.next() ?? await cursor.nextAfterRead()) {
      switch (cursor.key) {
        case FUNCTION.name: f.name = await cursor.text(); break;
        case FUNCTION.domain: f.domain = await cursor.text(); break;
        case FUNCTION.overload: f.overload = await cursor.text(); break;
        case FUNCTION.input: f.inputs.push(await cursor.text()); break;
        case FUNCTION.output: f.outputs.push(await cursor.text()); break;
        case FUNCTION.opset: await readOpset(cursor.inside(), f.opsets); break;
        case FUNCTION.node: await this.readNode(cursor.inside(), cursor.span(span), graph); break;
      }
    }
    graph.name = f.name;
    graph.path = `functions/${f.domain}:${f.name}${f.overload && ":" + f.overload}`;
    graph.inputs = f.inputs.map((name) => ({ name }));
    graph.outputs = f.outputs.map((name) => ({ name }));
    return f;
  }

  private async readGraph(cursor: Cursor, graph: Graph): Promise<Graph> {
    const { span } = graph;
    while (cursor.next() ?? await cursor.nextAfterRead()) {
      switch (cursor.key) {
        case GRAPH.node: await this.readNode(cursor.inside(), cursor.span(span), graph); break;
        case GRAPH.name: graph.name = await cursor.text(); break;
        case GRAPH.initializer: {
          const number = graph.initializerList.length + 1;
          graph.initializerList.push(await readTensor(cursor.inside(), cursor.span(span), (name) => `the weights of ${name || `initializer ${number}`}`));
          break;
        }
        case GRAPH.input: graph.inputs.push(await readValueInfo(cursor.inside(), cursor.span(span))); break;
        case GRAPH.output: graph.outputs.push(await readValueInfo(cursor.inside(), cursor.span(span))); break;
        case GRAPH.valueInfo: graph.valueInfoList.push(await readValueInfo(cursor.inside(), cursor.span(span))); break;
        case GRAPH.sparseInitializer: {
          const sparse = await readSparse(cursor.inside(), cursor.span(span));
          graph.sparseInitializers.set(sparse.name, sparse);
          break;
        }
        case GRAPH.quantization: graph.quantization.push({ span: cursor.span(span), tensor: await readFirstText(cursor.inside(), QUANTIZATION.tensor) }); break;
        case GRAPH.metadata: graph.metadata.push(cursor.span(span)); break;
      }
    }
    for (const tensor of graph.initializerList) graph.initializers.set(tensor.name, tensor);
    for (const value of graph.valueInfoList) graph.valueInfo.set(value.name, value);
    return graph;
  }

  private async readNode(cursor: Cursor, span: Span, graph: Graph): Promise<void> {
    const node: Node = {
      index: graph.nodes.length, name: "", op: "", domain: "", overload: "", inputs: [], outputs: [], attributes: new Map(), captures: new Set(), graph, bytes: spanBytes(span), span, inputFields: [], outputFields: [], wordFields: [],
    };
    graph.nodes.push(node);
    await WireError.placed(() => `node ${node.name || node.outputs[0] || node.index}${node.op && ` (${node.op})`}`, async () => {
      while (cursor.next() ?? await cursor.nextAfterRead()) {
        switch (cursor.key) {
          case NODE.input:
            cursor.addTo(node.inputFields);
            node.inputs.push(await cursor.text());
            break;
          case NODE.output:
            cursor.addTo(node.outputFields);
            node.outputs.push(await cursor.text());
            break;
          case NODE.name:
            cursor.addTo(node.wordFields);
            node.name = await cursor.text();
            break;
          case NODE.doc: cursor.addTo(node.wordFields); break;
          case NODE.op: node.op = await cursor.text(); break;
          case NODE.domain: node.domain = await cursor.text(); break;
          case NODE.overload: node.overload = await cursor.text(); break;
          case NODE.attribute: {
            const attribute = await this.readAttribute(cursor.inside(), cursor.span(span), node);
            node.attributes.set(attribute.name, attribute);
            break;
          }
        }
      }
    });
    if (node.domain === "ai.onnx") node.domain = "";
    for (const { bytes, span } of attributeTensors(node)) if (span) node.bytes += bytes - spanBytes(span);
  }

  private async readAttribute(cursor: Cursor, span: Span, owner: Node): Promise<Attribute> {
    const attribute: Attribute = { name: "", type: 0, floats: [], ints: [], strings: [], tensors: [], graphs: [], span };
    const tensor = () => readTensor(cursor.inside(), cursor.span(span), (name) => `the values of ${name || owner.outputs[0] || owner.name}`);
    let found = 0;
    while (cursor.next() ?? await cursor.nextAfterRead()) {
      switch (cursor.key) {
        case ATTRIBUTE.name: attribute.name = await cursor.text(); break;
        case ATTRIBUTE.type: attribute.type = cursor.int; break;
        case ATTRIBUTE.reference: attribute.reference = await cursor.text(); break;
        case ATTRIBUTE.f: attribute.f = cursor.float; found = AttributeType.FLOAT; break;
        case ATTRIBUTE.i:
          attribute.i = cursor.int;
          found = AttributeType.INT;
          break;
        case ATTRIBUTE.s: {
          if (cursor.end - cursor.start <= LONGEST_STRING) attribute.s = (await cursor.bytes()).slice();
          found = AttributeType.STRING;
          break;
        }
        case ATTRIBUTE.tensor: attribute.tensor = await tensor(); found = AttributeType.TENSOR; break;
        case ATTRIBUTE.tensors: attribute.tensors.push(await tensor()); found = AttributeType.TENSORS; break;
        case ATTRIBUTE.graph:
        case ATTRIBUTE.graphs:
          this.pending.push({ cursor: cursor.inside(), span: cursor.span(span), owner, attribute, graphs: attribute.graphs });
          found = cursor.key === ATTRIBUTE.graph ? AttributeType.GRAPH : AttributeType.GRAPHS;
          break;
        case ATTRIBUTE.floats: attribute.floats.push(cursor.float); found = AttributeType.FLOATS; break;
        case ATTRIBUTE.floatsPacked: {
          const bytes = (await cursor.bytes()).slice();
          for (const value of new Float32Array(bytes.buffer, 0, bytes.length >> 2)) attribute.floats.push(value);
          found = AttributeType.FLOATS;
          break;
        }
        case ATTRIBUTE.ints: addInt(attribute, cursor.bigint); found = AttributeType.INTS; break;
        case ATTRIBUTE.intsPacked: {
          for (const value of packedInts(await cursor.bytes())) addInt(attribute, value);
          found = AttributeType.INTS;
          break;
        }
        case ATTRIBUTE.strings: attribute.strings.push((await cursor.bytes()).slice()); found = AttributeType.STRINGS; break;
        case ATTRIBUTE.sparse:
        case ATTRIBUTE.sparses: attribute.sparse = await readSparse(cursor.inside(), cursor.span(span)); found = AttributeType.SPARSE_TENSOR; break;
      }
    }
    attribute.type ||= found;
    // writers may leave out a value that is zero or empty
    if (!attribute.reference) {
      if (attribute.type === AttributeType.FLOAT) attribute.f ??= 0;
      else if (attribute.type === AttributeType.INT) attribute.i ??= 0;
      else if (attribute.type === AttributeType.STRING && found !== AttributeType.STRING) attribute.s ??= new Uint8Array(0);
    }
    return attribute;
  }
}

const newGraph = (span: Span, path: string, owner?: Node): Graph => ({
  name: "", path, parent: owner?.graph, owner, nodes: [], initializers: new Map(), sparseInitializers: new Map(), inputs: [], outputs: [], valueInfo: new Map(),
  producers: new Map(), consumers: new Map(), overridable: new Set(), initializerList: [], valueInfoList: [], quantization: [], metadata: [], span,
});

function rootOf(graph: Graph): Graph {
  let root = graph;
  while (root.parent) root = root.parent;
  return root;
}

function addInt(attribute: Attribute, value: bigint): void {
  const rounded = Number(value);
  if (!attribute.longs && !Number.isSafeInteger(rounded)) attribute.longs = attribute.ints.map(BigInt);
  attribute.longs?.push(value);
  attribute.ints.push(rounded);
}
