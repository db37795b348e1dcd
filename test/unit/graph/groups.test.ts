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
  expect(groups(graph).map(({ title, kind }) => [title, kind])).toEqual([["block 1", "residual"], ["block 2", "branches"]]);
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
