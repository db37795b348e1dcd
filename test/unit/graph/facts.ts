import type { GraphFacts, GraphNodeFacts } from "../../../src/protocol/api";

/** A graph in words: "layers.0.c1 Conv < stem" is a convolution that reads stem. Layers take 100 bytes. */
export function graphOf(lines: readonly string[], shapes: Record<string, (number | string)[]> = {}): GraphFacts {
  const nodes = lines.map((line, id): GraphNodeFacts => {
    const [label, op] = line.split(" "), isLayer = /^(Conv|Gemm|MatMul)$/.test(op);
    return { id, name: label, label, op, caption: op, bytes: isLayer ? 100 : 0, layer: isLayer ? `${label}.weight` : undefined, fused: [], outputs: [label], shape: shapes[label] };
  });
  const idOf = new Map(nodes.map(({ label, id }) => [label, id]));
  const edges = lines.flatMap((line, to) => (line.split(" < ")[1]?.split(" ") ?? []).map((tensor) => ({ from: idOf.get(tensor)!, to, tensor, shape: shapes[tensor] })));
  return { nodes, edges };
}

/** Blocks of two convolutions and a skip, one after the other. */
export const residualBlocks = (names: readonly string[], before: string): string[] => names.flatMap((name, i) => {
  const input = i ? `${names[i - 1]}.Add` : before;
  return [`${name}.c1 Conv < ${input}`, `${name}.c2 Conv < ${name}.c1`, `${name}.Add Add < ${name}.c2 ${input}`];
});
