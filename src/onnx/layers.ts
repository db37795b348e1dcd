// INTERIM version by the lead, to be replaced.
import { constantTensor } from "./constants";
import { intAttribute, type Graph, type Model, type Node } from "./model";
import type { Tensor } from "./tensor";
export interface Layer { id: string; label: string; op: "Conv" | "ConvTranspose" | "Gemm" | "MatMul"; graph: Graph; weight: string; consumers: Node[]; tensor?: Tensor; dims: number[]; type: number; groups: number; outputAxis: number; parameters: number; convolution: boolean; blocked?: string; bytes: number; subgraph: { nodes: Node[]; tensors: Tensor[] } }
export function findLayers(model: Model): Layer[] {
  const out: Layer[] = [];
  for (const n of model.graph.nodes) {
    if (!["Conv", "ConvTranspose", "Gemm", "MatMul"].includes(n.op)) continue;
    const w = n.inputs[1], t = constantTensor(model.graph, w);
    const nodes: Node[] = [], tensors: Tensor[] = [];
    const pending = [w];
    const seen = new Set<string>();
    for (let x = pending.pop(); x; x = pending.pop()) { if (seen.has(x)) continue; seen.add(x); const tt = model.graph.initializers.get(x); if (tt) tensors.push(tt); const p = model.graph.producers.get(x); if (p && !nodes.includes(p)) { nodes.push(p); pending.push(...p.inputs); } }
    const vi = t ?? undefined;
    const dims = vi?.dims ?? [];
    const op = n.op as Layer["op"];
    out.push({ id: w, label: w.replace(/\.weight$/, ""), op, graph: model.graph, weight: w, consumers: [n], tensor: t, dims, type: t?.type ?? 1, groups: intAttribute(n, "group", 1), outputAxis: op === "Conv" || (op === "Gemm" && intAttribute(n, "transB", 0)) ? 0 : 1, parameters: dims.reduce((a, b) => a * b, 1), convolution: op.startsWith("Conv"), blocked: t ? undefined : "computed", bytes: tensors.reduce((s, x) => s + x.bytes, 0) + nodes.reduce((s, x) => s + x.bytes, 0), subgraph: { nodes, tensors } });
  }
  return out;
}
