import { stat } from "node:fs/promises";
import * as path from "node:path";
import { nothingToCompress } from "../compression/checks";
import { inspectLayers } from "../compression/report";
import type { OpenedModel } from "../compression/host";
import { toRows } from "../methods/rows";
import { summarise } from "../numeric/statistics";
import { readIntegerWeight } from "../onnx/grids";
import { type Layer, readWeight } from "../onnx/layers";
import type { Graph } from "../onnx/model";
import { peakActivations } from "../onnx/peak";
import { inferFacts, inferShapes, macs, type Shape } from "../onnx/shapes";
import { isFloatType, typeName } from "../onnx/tensor";
import type { AccuracyWorkerApi } from "../protocol/accuracy";
import { isOnIntegers } from "../protocol/report";
import type { BodyFacts, GraphAndLayers, LayerDetails, LayerRow, ModelFacts, ValueFacts, WorkerApi } from "../protocol/api";
import { bitsOfAll, originalWeightsOf } from "../protocol/bits";
import { KernelscopeError } from "../protocol/errors";
import { pack } from "../protocol/packed";
import { openPool } from "../runtime/node";
import { Codebooks, type ShownLayer } from "./codebooks";
import { comparedWeights, otherNodes, type PairOf, pairedLayers, sizesOf } from "./comparison";
import { attributesOf, drawableGraph } from "./drawable";
import { openModelFile } from "./host";
import { sizesToCount } from "./open-sizes";
import { waveletMaps } from "./wavelet-maps";

/** A model that is looked at: its structure, and figures that were asked for once. */
interface Viewed { opened: OpenedModel; /** Of its files when they were read. */ stamp: string; layers: Layer[]; rows: LayerRow[]; shapes: Map<string, Shape>; facts: ModelFacts; orders: Map<string, Uint32Array>; packed?: Promise<Uint8Array> }

/** The calls of the viewing process. Pages get statistics and slices, never a whole weight. */
export function viewer(): Omit<WorkerApi, "plan" | "tryPlans" | "compress" | "stopTuning" | "evaluate" | "latency" | keyof AccuracyWorkerApi> {
  const models = new Map<string, Promise<Viewed>>();
  let pool: ReturnType<typeof openPool> | undefined;
  const codebooks = new Codebooks(() => pool ??= openPool(__dirname));
  const view = (file: string): Promise<Viewed> => {
    let model = models.get(file);
    if (!model) {
      model = load(file);
      models.set(file, model);
      model.catch(() => models.delete(file));
    }
    return model;
  };
  let pairs: { before: Viewed; after: Viewed; pair: Promise<PairOf> }[] = [];
  const paired = async (original: string, compressed: string): Promise<PairOf> => {
    const [before, after] = [await view(original), await view(compressed)], known = pairs.find((one) => one.before === before && one.after === after);
    if (known) return known.pair;
    const pair = pairedLayers(before, after);
    pairs.push({ before, after, pair });
    pair.catch(() => { pairs = pairs.filter((one) => one.pair !== pair); });
    return pair;
  };
  const close = async (file: string): Promise<void> => {
    const model = await models.get(file)?.catch(() => undefined);
    models.delete(file);
    pairs = pairs.filter(({ before, after }) => before !== model && after !== model);
    await model?.opened.close();
  };
  /** A model as its files are now: what is known of it may have been read before they were written anew. */
  const fresh = async (file: string): Promise<Viewed> => {
    const reading = models.get(file), known = await reading?.catch(() => undefined);
    if (known && known.stamp !== (await stampsOf(known.opened.files)).join() && models.get(file) === reading) await close(file);
    return view(file);
  };
  return {
    async open(file) {
      const model = await fresh(file);
      setImmediate(() => void packed(model)); // what the page asks for next
      return model.facts;
    },
    close,
    graph: async (file) => { const { opened, rows, layers, shapes } = await view(file); return drawableGraph(opened.model, layers, rows, shapes); },
    packed: async (file) => packed(await view(file)),
    async body(file, body) {
      const { opened: { model }, layers, rows, shapes } = await view(file), graph = [...model.graphs, ...model.functions.flatMap(({ graph, graphs }) => [graph, ...graphs])].find(({ path }) => path === body);
      if (!graph) throw new KernelscopeError("usage", `The model has no graph ${body}.`);
      return pack({ graph: drawableGraph(model, layers, rows, shapes, graph), trail: trailOf(graph) } satisfies BodyFacts);
    },
    layers: async (file) => (await view(file)).rows,
    async layer(file, id) { const model = await view(file); return detailsOf(model, find(model, id)); },
    async kernels(file, id, first, count) {
      const model = await view(file), layer = find(model, id), weight = await weightOf(model, layer);
      if (!weight) return undefined;
      const [height, width] = layer.dims.length === 4 ? layer.dims.slice(2) : layer.dims.length === 3 ? [1, layer.dims[2]] : [1, 1], size = height * width;
      let order = model.orders.get(id);
      if (!order) model.orders.set(id, order = byNorm(weight, size));
      const chosen = order.subarray(first, first + count), values = new Float32Array(chosen.length * size);
      chosen.forEach((kernel, i) => values.set(weight.subarray(kernel * size, (kernel + 1) * size), i * size));
      return { total: order.length, first, height, width, order: chosen.slice(), values };
    },
    async codebook(file, id, original) { const model = await view(file); return codebooks.ofFile(shown(file, model, id, original)); },
    async words(file, id) { const model = await view(file); return codebooks.wordsOf(shown(file, model, id, undefined)); },
    async wavelets(file, id, original) { const model = await view(file); return waveletMaps(shown(file, model, id, original)); },
    async preview(file, id, original, wanted, estimate, signal) { const model = await view(file); return codebooks.tried(shown(file, model, id, original), wanted, estimate, signal); },
    async compared(original, compressed) {
      for (const file of [original, compressed]) await fresh(file).catch((error: unknown) => { throw named(error, file); });
      const pair = await paired(original, compressed);
      return { original: (await view(original)).facts, compressed: (await view(compressed)).facts, layers: pair.rows, nodes: otherNodes(pair) };
    },
    sizes: async (file) => sizesOf(await view(file)),
    comparedWeights: async (original, compressed, layer, count, first) => comparedWeights(await paired(original, compressed), layer, count, first),
    blocks: async (_file, codebook, request) => codebooks.blocks(codebook, request),
    choose: async (_file, codebook, choice) => codebooks.choose(codebook, choice),
    umap: (_file, codebook, progress, signal) => codebooks.umap(codebook, progress, signal),
  };
}

/** The graphs that lead to one, the main graph left out. */
function trailOf({ path, parent, owner }: Graph): BodyFacts["trail"] {
  return path === "" ? [] : [...parent ? trailOf(parent) : [], { path, title: owner ? `${owner.name || owner.op} · ${path.slice(path.lastIndexOf("/") + 1)}` : path.slice(path.lastIndexOf(":") + 1) }];
}

function packed(model: Viewed): Promise<Uint8Array> {
  const { opened, layers, rows, shapes } = model;
  return model.packed ??= pack({ graph: drawableGraph(opened.model, layers, rows, shapes), rows } satisfies GraphAndLayers);
}

function find({ layers }: Viewed, id: string): Layer {
  const layer = layers.find((l) => l.id === id);
  if (!layer) throw new KernelscopeError("usage", `The model has no layer ${id}.`);
  return layer;
}

const shown = (file: string, model: Viewed, id: string, chosen: string | undefined): ShownLayer => ({ file, model: model.opened.model, layer: find(model, id), row: rowOf(model, id), chosen });

const rowOf = ({ rows }: Viewed, id: string): LayerRow => rows.find(({ name }) => name === id)!;

/** Size and time of files. */
const stampsOf = (files: readonly string[]): Promise<string[]> => Promise.all(files.map((file) => stat(file).then(({ size, mtimeMs }) => `${size} ${mtimeMs}`, () => "")));

async function load(file: string): Promise<Viewed> {
  const stamps = await stampsOf([file]), opened = await openModelFile(file);
  const { model } = opened, { layers: reports, found } = await inspectLayers(model), inferred = inferFacts(model), shapes = inferShapes(model, inferred);
  const open = await sizesToCount(model, file), counted = open ? inferFacts(model, open.fixed) : inferred, sizes = open ? inferShapes(model, counted) : shapes;
  const rows = reports.map((report, i): LayerRow => ({
    ...report, body: found[i].graph.path || undefined, label: found[i].label, parameters: found[i].parameters, macs: macs(found[i], sizes), dataType: typeName(found[i].type),
    consumers: found[i].consumers.map(({ name, op, index }) => name || `${op} ${index}`),
  }));
  const { graph } = model, total = rows.every((row) => row.macs !== undefined) ? rows.reduce((sum, row) => sum + (row.macs ?? 0), 0) : 0;
  const facts: ModelFacts = {
    path: file, name: path.basename(file), bytes: opened.bytes, irVersion: model.irVersion, opset: model.opset, producer: model.producer,
    parameters: found.reduce((sum, { parameters }) => sum + parameters, 0), macs: total || undefined, ...(open && { countedFor: open.countedFor }), peakActivationBytes: peakActivations(model, counted)?.bytes, bitsPerWeight: bitsOfAll(rows), originalWeights: originalWeightsOf(rows), onIntegers: integerLayers(rows), recipe: model.metadata.get("kernelscope.recipe"), nothing: nothingToCompress(found), notes: [],
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(({ name }) => valueFacts(graph, name, shapes)), outputs: graph.outputs.map(({ name }) => valueFacts(graph, name, shapes)),
  };
  return { opened, stamp: [...stamps, ...await stampsOf(opened.files.slice(1))].join(), layers: found, rows, shapes, facts, orders: new Map() };
}

function integerLayers(rows: readonly LayerRow[]): ModelFacts["onIntegers"] {
  const layers = rows.filter(isOnIntegers).length;
  return layers ? { layers, of: rows.length } : undefined;
}

function valueFacts(graph: Graph, name: string, shapes: Map<string, Shape>): ValueFacts {
  const info = [...graph.inputs, ...graph.outputs].find((value) => value.name === name) ?? graph.valueInfo.get(name);
  return { name, type: info?.elemType === undefined ? "" : typeName(info.elemType), shape: [...shapes.get(name) ?? info?.shape ?? []] };
}

/** The weight as inference sees it, also where the file holds it packed or as integers; integers themselves where their scale is not known. */
const weightOf = async ({ opened: { model } }: Viewed, layer: Layer): Promise<Float32Array | undefined> =>
  (layer.chain || isFloatType(layer.type) ? readWeight(model, layer) : (await readIntegerWeight(model, layer))?.values);

async function detailsOf(model: Viewed, layer: Layer): Promise<LayerDetails> {
  const [node] = layer.consumers, row = rowOf(model, layer.id);
  const weight = await weightOf(model, layer);
  return {
    row, attributes: attributesOf(node).map(([name, value]) => ({ name, value })),
    from: node.inputs.filter((name) => name && name !== layer.weight && !layer.graph.initializers.has(name)).map((name) => valueFacts(layer.graph, name, model.shapes)),
    to: node.outputs.map((name) => valueFacts(layer.graph, name, model.shapes)),
    ...(weight && weight.length > 0 && summarise(toRows(layer, weight))),
  };
}

function byNorm(weight: Float32Array, size: number): Uint32Array {
  const norms = new Float32Array(weight.length / size);
  for (let i = 0; i < weight.length; i++) norms[Math.floor(i / size)] += weight[i] * weight[i];
  return Uint32Array.from(norms.keys()).sort((a, b) => norms[b] - norms[a] || a - b);
}

/** An error that says which of two files it is about. */
const named = (error: unknown, file: string): unknown => {
  const name = path.basename(file);
  return error instanceof KernelscopeError && !error.message.includes(name) ? new KernelscopeError(error.code, `${name}: ${error.message}`, error.details) : error;
};
