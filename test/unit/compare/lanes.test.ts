import { expect, test } from "vitest";
import type { GraphFacts } from "../../../src/protocol/api";
import { lanesOf } from "../../../webview/compare/lanes";

/** A graph from lines "name: inputs"; names in capitals are layers. */
function graph(...lines: string[]): GraphFacts {
  const names = lines.map((line) => line.split(":")[0]), nodes = names.map((name, id) => ({ id, name, label: name, op: name === "input" || name === "output" ? name : "Op", layer: /^[A-Z]/.test(name) ? name : undefined, caption: "", bytes: 0, fused: [], outputs: [] }));
  const edges = lines.flatMap((line, to) => (line.split(":")[1] ?? "").split(" ").filter(Boolean).map((from) => ({ from: names.indexOf(from), to, tensor: from })));
  return { nodes, edges };
}
const rows = (...layers: string[]) => new Map(layers.map((layer, i) => [layer, i]));

test("a chain is one line, and what stands between layers is left out", () => {
  const { points, ways, lanes } = lanesOf(graph("input", "A:input", "pool:A", "B:pool", "output:B"), rows("A", "B"));
  expect(points.map(({ row, aside }) => [row, aside])).toEqual([[0, false], [1, false]]);
  expect(ways.map(({ from, to, lane }) => [from.row, to.row, lane])).toEqual([[0, 1, 0]]);
  expect(lanes).toBe(1);
});

test("a residual block: the skip runs beside it, a projection stands aside, both end where ways meet", () => {
  const plain = lanesOf(graph("input", "S:input", "A:S", "B:A", "add:B S", "C:add", "output:C"), rows("S", "A", "B", "C"));
  expect(plain.points.map(({ row, y, aside }) => [row, y, aside])).toEqual([[0, 0.5, false], [1, 1.5, false], [2, 2.5, false], [-1, 3, false], [3, 3.5, false]]);
  expect(plain.ways.filter(({ lane }) => lane > 0).map(({ from, to, lane }) => [from.row, to.y, lane])).toEqual([[0, 3, 1]]);
  const projected = lanesOf(graph("input", "S:input", "A:S", "B:A", "D:S", "add:B D", "C:add"), rows("S", "A", "B", "D", "C"));
  expect(projected.points.filter(({ aside }) => aside).map(({ row }) => row)).toEqual([3]);
  expect(projected.points.find(({ row }) => row < 0)?.y).toBe(4);
});

test("a short cut stands aside also where the file has it first, and the longer way keeps the line", () => {
  const { points, ways } = lanesOf(graph("input", "S:input", "D:S", "A:S", "B:A", "add:B D", "C:add", "output:C"), rows("S", "D", "A", "B", "C"));
  expect(points.filter(({ aside }) => aside).map(({ row }) => row)).toEqual([1]);
  expect(ways.filter(({ lane }) => lane === 0).map(({ from, to }) => [from.row, to.row])).toEqual([[0, 2], [2, 3], [3, -1], [-1, 4]]);
});

test("ways that pass the same rows have lanes of their own", () => {
  const { ways, lanes } = lanesOf(graph("input", "A:input", "B:A", "C:B", "D:C", "inner:D B", "E:inner", "outer:E A"), rows("A", "B", "C", "D", "E"));
  const passing = ways.filter(({ lane }) => lane > 0);
  expect(passing.map(({ from, lane }) => [from.row, lane])).toEqual([[1, 1], [0, 2]]);
  expect(lanes).toBe(2);
});
