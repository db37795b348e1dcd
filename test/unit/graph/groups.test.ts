import fc from "fast-check";
import { expect, test } from "vitest";
import type { GraphFacts } from "../../../src/protocol/api";
import { groupsOf, isGroup, type Member } from "../../../webview/graph/groups";
import { graphOf, residualBlocks } from "./facts";

/** Members in words, nested ones in brackets. */
const told = (graph: GraphFacts, members: readonly Member[] = groupsOf(graph)): string => members.map((member) => (isGroup(member) ? `${member.title} [${told(graph, member.members)}]` : graph.nodes[member].label)).join(", ");
const groups = (graph: GraphFacts) => groupsOf(graph).filter(isGroup);

test("residual blocks as wide as each other become rows that say count, channels and bytes", () => {
  const shapes = { stem: ["N", 64, 8, 8], "layers.0.Add": ["N", 64, 8, 8], "layers.1.Add": ["N", 64, 8, 8], "layers.2.Add": ["N", 128, 4, 4] };
  const graph = graphOf(["input input", "stem Conv < input", ...residualBlocks(["layers.0", "layers.1", "layers.2"], "stem"), "fc Gemm < layers.2.Add", "logits output < fc"], shapes);
  expect(told(graph)).toBe("input, stem, layers.0–1 [layers.0 [layers.0.c1, layers.0.c2, layers.0.Add], layers.1 [layers.1.c1, layers.1.c2, layers.1.Add]], layers.2 [layers.2.c1, layers.2.c2, layers.2.Add], fc, logits");
  expect(groups(graph).map(({ kind, of, count, channels, bytes, stride, layers }) => [kind, of, count, channels, bytes, stride, layers.length])).toEqual([["row", "residual", 2, 64, 400, 1, 4], ["residual", "residual", 1, 128, 200, 2, 2]]);
});

test("a stage's own name wins over the range of its blocks", () => {
  const graph = graphOf(["x input", "conv1 Conv < x", ...residualBlocks(["layer1.0", "layer1.1"], "conv1"), "y output < layer1.1.Add"]);
  expect(told(graph)).toMatch(/^x, conv1, layer1 \[layer1\.0 \[.*\], layer1\.1 \[.*\]\], y$/);
});

test("blocks without a skip are found by their names", () => {
  const graph = graphOf(["x input", "features.0.conv Conv < x", "features.1.a Conv < features.0.conv", "features.1.b Conv < features.1.a", "Pool MaxPool < features.1.b", "features.2.a Conv < Pool", "Relu Relu < features.2.a", "features.2.b Conv < Relu", "y output < features.2.b"]);
  expect(told(graph)).toBe("x, features.0.conv, features.1 [features.1.a, features.1.b], Pool, features.2 [features.2.a, Relu, features.2.b], y");
});

test("two residual blocks under one name are nested in it", () => {
  const layer = (n: number, input: string) => [`h.${n}.attn.q Conv < ${input}`, `h.${n}.attn.o Conv < h.${n}.attn.q`, `h.${n}.Add Add < h.${n}.attn.o ${input}`, `h.${n}.fc1 Conv < h.${n}.Add`, `h.${n}.fc2 Conv < h.${n}.fc1`, `h.${n}.Add_1 Add < h.${n}.fc2 h.${n}.Add`];
  const graph = graphOf(["x input", "embed Conv < x", ...layer(0, "embed"), ...layer(1, "h.0.Add_1"), "y output < h.1.Add_1"]);
  expect(told(graph)).toBe("x, embed, h.0–1 [h.0 [h.0.attn [h.0.attn.q, h.0.attn.o, h.0.Add], h.0.fc1–fc2 [h.0.fc1, h.0.fc2, h.0.Add_1]], h.1 [h.1.attn [h.1.attn.q, h.1.attn.o, h.1.Add], h.1.fc1–fc2 [h.1.fc1, h.1.fc2, h.1.Add_1]]], y");
});

test("a block alone under its numbered name has the short name, smaller blocks inside it are found by theirs", () => {
  const block = (name: string, input: string) => [`${name}.conv.0 Conv < ${input}`, `${name}.b1.a Conv < ${name}.conv.0`, `${name}.b1.b Conv < ${name}.b1.a`, `${name}.b2.a Conv < ${name}.conv.0`, `${name}.b2.b Conv < ${name}.b2.a`, `${name}.Concat Concat < ${name}.b1.b ${name}.b2.b ${name}.conv.0`];
  const graph = graphOf(["x input", "stem Conv < x", ...block("f.0.0", "stem"), ...block("f.1.0", "f.0.0.Concat"), "y output < f.1.0.Concat"]), [row] = groups(graph);
  expect([row.title, row.count]).toEqual(["f.0–1", 2]);
  expect(told(graph, row.members.slice(0, 1))).toBe("f.0 [f.0.0.conv.0, f.0.0.b1 [f.0.0.b1.a, f.0.0.b1.b], f.0.0.b2 [f.0.0.b2.a, f.0.0.b2.b], f.0.0.Concat]");
});

test("a long stretch without cuts is divided by names", () => {
  const names = Array.from({ length: 9 }, (_, i) => `dense${i}`);
  const graph = graphOf(["x input", "stem Conv < x", ...names.flatMap((name, i) => [`${name}.a Conv < ${i ? `${names[i - 1]}.b` : "stem"}`, `${name}.b Conv < ${name}.a`]), `out Concat < ${names.map((name) => `${name}.b`).join(" ")}`, "y output < out"]);
  expect(groups(graph).map(({ title, count }) => [title, count])).toEqual([["dense0–8", 9]]);
});

test("blocks that nobody named are numbered", () => {
  const graph = graphOf(["x input", "a Conv < x", "b Conv < a", "c Add < a b", "d Conv < c", "e Concat < d c", "y output < e"]);
  expect(groups(graph).map(({ title, kind }) => [title, kind])).toEqual([["residual 1", "residual"], ["branches 1", "branches"]]);
});

/** Some nodes of a network without names: what stands behind "…" is the caption. */
const unnamed = (lines: readonly string[], shapes: Record<string, (number | string)[]> = {}): GraphFacts => {
  const graph = graphOf(lines.map((line) => line.replace(/ \S+…/, (word) => word.slice(0, -1).split(":")[0])), shapes);
  lines.forEach((line, i) => { const found = / (\S+)…/.exec(line)?.[1].split(":"); if (found) Object.assign(graph.nodes[i], { caption: `${found[0]} ${found[1]} · 8→8`, attributes: [["group", found[2] ?? "1"]] }); });
  return graph;
};
const gate = (name: string, input: string): string[] => [`${name}a Conv < ${input}`, `${name}b Conv < ${name}a`, `${name} Mul < ${input} ${name}b`];

test("gates are found inside residual blocks and between other layers, and numbered in the order of the graph", () => {
  const block = (name: string, input: string) => [`${name}1 Conv < ${input}`, ...gate(`${name}g`, `${name}1`), `${name}2 Conv < ${name}g`, `${name} Add < ${input} ${name}2`];
  const graph = graphOf(["x input", "s Conv < x", ...gate("g", "s"), "t Conv < g", ...block("p", "t"), ...block("q", "p"), "u Conv < q", ...gate("h", "u"), "y output < h"]);
  expect(told(graph)).toBe("x, s, gate 1 [ga, gb, g], t, residual 1–2 [residual 1 [p1, gate 2 [pga, pgb, pg], p2, p], residual 2 [q1, gate 3 [qga, qgb, qg], q2, q]], u, gate 4 [ha, hb, h], y");
});

test("a gate with a skip around it holds the gate; inside a block of its own kind numbers have two parts", () => {
  expect(told(graphOf(["x input", "s Conv < x", ...gate("g", "s"), "j Add < s g", "y output < j"]))).toBe("x, s, residual 1 [gate 1 [ga, gb, g], j], y");
  expect(told(graphOf(["x input", "s Conv < x", "a Conv < s", "b Conv < a", "c Add < a b", "d Conv < c", "e Add < s d", "f Conv < e", "g Add < e f", "y output < g"]))).toBe("x, s, residual 1 [a, residual 1.1 [b, c], d, e], residual 2 [f, g], y");
});

test("depthwise convolutions and the pointwise ones around them are blocks, also with a gate between, and rows where they are as wide", () => {
  const shapes = { d1: ["N", 8, 4, 4], p1: ["N", 8, 4, 4], d2: ["N", 8, 4, 4], p2: ["N", 8, 4, 4], d3: ["N", 8, 2, 2], p3: ["N", 16, 2, 2] };
  const graph = unnamed(["x input", "s Conv:3×3… < x", "d1 Conv:3×3:8… < s", "p1 Conv:1×1… < d1", "d2 Conv:3×3:8… < p1", "p2 Conv:1×1… < d2", "e Conv:1×1… < p2", "d3 Conv:3×3:8… < e", ...gate("g", "d3"), "p3 Conv:1×1… < g", "y output < p3"], shapes);
  expect(told(graph)).toBe("x, s, separable 1–2 [separable 1 [d1, p1], separable 2 [d2, p2]], bottleneck 1 [e, d3, gate 1 [ga, gb, g], p3], y");
  // what somebody else reads inside stays in sight
  expect(told(unnamed(["x input", "s Conv:3×3… < x", "d1 Conv:3×3:8… < s", "p1 Conv:1×1… < d1", "o Conv < d1 p1", "y output < o"], shapes))).not.toContain("separable");
});

test("attention and the feed-forward layers behind it are a transformer layer, alike ones a row; a skip over them is no block", () => {
  const layer = (n: string, input: string) => [
    `${n}n LayerNormalization < ${input}`, `${n}qkv MatMul < ${n}n`, `${n}q Slice < ${n}qkv`, `${n}k Slice < ${n}qkv`, `${n}v Slice < ${n}qkv`, `${n}s Product < ${n}q ${n}k`, `${n}t Softmax < ${n}s`, `${n}o Product < ${n}t ${n}v`, `${n}w MatMul < ${n}o`, `${n}a Add < ${input} ${n}w`,
    `${n}m LayerNormalization < ${n}a`, `${n}f MatMul < ${n}m`, `${n}g MatMul < ${n}f`, `${n}z Add < ${n}a ${n}g`,
  ];
  const graph = graphOf(["x input", "s Conv < x", "r Conv < s", ...layer("a", "r"), ...layer("b", "az"), "c Concat < s bz", "y output < c"]);
  for (const node of graph.nodes) if (node.op === "Product") node.op = "MatMul";
  graph.nodes.find(({ label }) => label === "bz")!.fused.push("LayerNormalization"); // as a last one has it
  const inside = (n: string, i: number): string => `transformer ${i} [attention ${i} [${["n", "qkv", "q", "k", "v", "s", "t", "o", "w", "a"].map((part) => n + part).join(", ")}], forward ${i} [${["m", "f", "g", "z"].map((part) => n + part).join(", ")}]]`;
  expect(told(graph)).toBe(`x, s, r, transformer 1–2 [${inside("a", 1)}, ${inside("b", 2)}], c, y`);
});

test("every node is in exactly one place, in the order of the file, and no path leaves a group and comes back", () => {
  const graphs = fc.array(fc.record({ name: fc.constantFrom("a", "b1.x", "b1.y", "b2.0.z", "b2.1.z", "c.3.d"), reads: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }), op: fc.constantFrom("Conv", "Add", "Concat", "Relu") }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(graphs, (steps) => {
    const names = ["x", ...steps.map(({ name }, i) => `${name}${i}`)];
    const graph = graphOf(["x input", ...steps.map(({ op, reads }, i) => `${names[i + 1]} ${op} < ${[...new Set(reads.map((back) => names[Math.max(0, i - back)]))].join(" ")}`), `y output < ${names[names.length - 1]}`]);
    const keys = new Set<string>();
    const walk = (members: readonly Member[]): number[] => members.flatMap((member) => {
      if (!isGroup(member)) return [member];
      expect(keys.has(member.key)).toBe(false);
      keys.add(member.key);
      expect(walk(member.members)).toEqual(member.nodes);
      expect(member.nodes.every((id, i) => i === 0 || id === member.nodes[i - 1] + 1)).toBe(true);
      return member.nodes;
    });
    expect(walk(groupsOf(graph))).toEqual(graph.nodes.map(({ id }) => id));
  }));
});
