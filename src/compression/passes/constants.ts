import { evaluateConstant, type ConstantCache } from "../../onnx/constants";
import { dataValues } from "../../onnx/dependence";
import type { ModelEdit } from "../../onnx/edit";
import type { Node } from "../../onnx/model";
import { inferFacts, type Facts } from "../../onnx/shapes";
import { knownSizes } from "../../onnx/sizes";
import { rawBytes } from "../../onnx/tensor";

/** Constants that are computed ahead have no more elements: they are sizes, pads and the like. */
const MOST_ELEMENTS = 4096;

/** Computes small constants that the file makes by nodes, takes away what only served them, and all that nothing uses. */
export async function foldConstants(edit: ModelEdit): Promise<void> {
  const { model, model: { graph } } = edit, data = dataValues(graph), facts = inferFacts(model).get(graph) ?? new Map<string, Facts>(), cache: ConstantCache = new Map([[graph, knownSizes(graph, facts)]]), known = new Set<string>();
  const runs = (node: Node) => node.outputs.some((name) => data.has(name));
  for (const name of new Set(graph.nodes.filter(runs).flatMap(({ inputs }) => inputs))) {
    const producer = graph.producers.get(name);
    if (!producer || data.has(name) || producer.op === "Constant") continue;
    const value = await evaluateConstant(model, graph, name, cache);
    // half floats are computed in a wider type
    if (!value || value.data.length > MOST_ELEMENTS || value.data.byteLength !== rawBytes(value.type, value.data.length)) continue;
    known.add(name);
    edit.addInitializer(graph, { name, dims: [...value.dims], type: value.type, raw: new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength) });
  }
  dropUnused(edit, known, runs);
}

/** Takes away nodes and initializers that no output needs. */
function dropUnused(edit: ModelEdit, computed: ReadonlySet<string>, runs: (node: Node) => boolean): void {
  const { model: { graph } } = edit, needed = new Set<string>(), pending = graph.outputs.map(({ name }) => name), kept = new Set<Node>();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (!name || needed.has(name)) continue;
    needed.add(name);
    const node = computed.has(name) ? undefined : graph.producers.get(name);
    if (!node || kept.has(node)) continue;
    kept.add(node);
    pending.push(...node.inputs, ...node.captures);
  }
  for (const node of graph.nodes) if (!kept.has(node) && (!runs(node) || node.outputs.every((name) => !needed.has(name)))) edit.removeNode(node);
  for (const { name } of graph.initializerList) if (!needed.has(name) && !graph.inputs.some((input) => input.name === name)) edit.removeInitializer(graph, name);
}
