import fc from "fast-check";
import { expect, test } from "vitest";
import type { GraphFacts } from "../../../src/protocol/api";
import { findGroup, groupsOf, isGroup, type Member } from "../../../webview/graph/groups";
import { layoutFrame } from "../../../webview/graph/nested";
import { itemsOf, pathTo, placed, sceneOf, type Drawn } from "../../../webview/graph/scene";
import { waysOf } from "../../../webview/graph/walk";
import { graphOf, residualBlocks } from "./facts";

const network = () => graphOf(["x input", "stem Conv < x", ...residualBlocks(["layers.0", "layers.1", "layers.2"], "stem"), "fc Gemm < layers.2.Add", "y output < fc"]);
const titles = (graph: GraphFacts, open: string[]) => itemsOf(sceneOf(graph, groupsOf(graph), new Set(open))).map(({ title, level }) => `${"  ".repeat(level - 1)}${title}`);
const keys = (members: readonly Member[]): string[] => members.flatMap((member) => (isGroup(member) ? [member.key, ...keys(member.members)] : []));
const draw = (graph: GraphFacts, open: Iterable<string>): Drawn => { const scene = sceneOf(graph, groupsOf(graph), new Set(open)); return placed(scene, layoutFrame(scene.input)); };

/** Lines that run through a box that is no frame. */
function crossed({ items, lines }: Drawn): string[] {
  const boxes = items.filter(({ item }) => !item.inside);
  return lines.flatMap(({ points }) => boxes.filter(({ left, top, width, height }) => {
    for (let i = 2; i < points.length; i += 2) {
      const [x0, x1, y0, y1] = [Math.min(points[i - 2], points[i]), Math.max(points[i - 2], points[i]), Math.min(points[i - 1], points[i + 1]), Math.max(points[i - 1], points[i + 1])];
      if (x1 > left + 1 && x0 < left + width - 1 && y1 > top + 1 && y0 < top + height - 1) return true;
    }
    return false;
  }).map(({ item }) => item.title));
}

test("a row gives way to its blocks, a block becomes a frame around its nodes", () => {
  const graph = network(), [row] = groupsOf(graph).filter(isGroup), first = row.members[0];
  expect(titles(graph, [])).toEqual(["x", "stem", "layers.0–2", "fc", "y"]);
  expect(titles(graph, [row.key])).toEqual(["x", "stem", "layers.0", "layers.1", "layers.2", "fc", "y"]);
  expect(titles(graph, [row.key, isGroup(first) ? first.key : ""])).toEqual(["x", "stem", "layers.0", "  c1", "  c2", "  Add", "layers.1", "layers.2", "fc", "y"]);
});

test("a skip stays in the frame that holds both its ends, and no line crosses a box", () => {
  const graph = network(), drawn = draw(graph, pathTo(groupsOf(graph), 3)), frame = drawn.items.find(({ item }) => item.inside)!;
  const skip = drawn.lines.find((line) => line.skip)!;
  const columns = skip.points.filter((_, i) => i % 2 === 0);
  expect(Math.min(...columns)).toBeGreaterThan(frame.left);
  expect(Math.max(...columns)).toBeLessThan(frame.left + frame.width);
  expect(crossed(drawn)).toEqual([]);
  const middle = new Set(drawn.items.filter(({ item }) => item.group && !item.inside || item.node).map(({ left, width }) => left + width / 2));
  expect(middle.size).toBe(1); // the main path is one straight line, through the frame too
});

test("arrows go on along edges through frames and folded groups", () => {
  const graph = network(), members = groupsOf(graph), open = pathTo(members, 3), scene = sceneOf(graph, members, new Set(open)), { down, up } = waysOf(graph, scene);
  const step = (ways: Map<string, { title: string }[]>, id: number) => (ways.get(String(id)) ?? []).map(({ title }) => title);
  expect(step(down, 1)).toEqual(["c1", "Add"]);
  expect(step(down, 4)).toEqual(["layers.1"]);
  expect(step(up, 11)).toEqual(["layers.2"]);
});

test("pathTo names all groups around a node, and findGroup knows them", () => {
  const members = groupsOf(network()), path = pathTo(members, 5);
  expect(path.map((key) => findGroup(members, key)?.title)).toEqual(["layers.0–2", "layers.1"]);
  expect(pathTo(members, 1)).toEqual([]);
});

test("whatever is unfolded, each node is seen once, no line crosses a box, and boxes lie inside their frames", () => {
  const graphs = fc.record({ steps: fc.array(fc.record({ name: fc.constantFrom("a", "b1.x", "b1.y", "b2.0.z", "b2.1.z"), reads: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }), op: fc.constantFrom("Conv", "Add", "Concat", "Relu") }), { minLength: 1, maxLength: 24 }), open: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }) });
  fc.assert(fc.property(graphs, ({ steps, open }) => {
    const names = ["x", ...steps.map(({ name }, i) => `${name}${i}`)];
    const graph = graphOf(["x input", ...steps.map(({ op, reads }, i) => `${names[i + 1]} ${op} < ${[...new Set(reads.map((back) => names[Math.max(0, i - back)]))].join(" ")}`)]);
    const drawn = draw(graph, keys(groupsOf(graph)).filter((_, i) => open[i]));
    expect(drawn.items.flatMap(({ item }) => (item.inside ? [] : item.group?.nodes ?? [item.node!.id])).sort((a, b) => a - b)).toEqual(graph.nodes.map(({ id }) => id));
    expect(crossed(drawn)).toEqual([]);
    for (const { item, left, top, width, height } of drawn.items) {
      const frame = item.parent && drawn.byKey.get(item.parent.key);
      if (frame) expect(left >= frame.left && top >= frame.top && left + width <= frame.left + frame.width && top + height <= frame.top + frame.height).toBe(true);
    }
  }));
});
