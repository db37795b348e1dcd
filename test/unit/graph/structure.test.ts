import fc from "fast-check";
import { expect, test } from "vitest";
import { groupsOf, isGroup, type Group, type Member } from "../../../webview/graph/groups";
import { repeatsIn } from "../../../webview/graph/structure";
import { graphOf } from "./facts";

const groupCaption = ({ of, count }: Group): string => `${of} ×${count}`;
const groups = (lines: readonly string[]): Group[] => groupsOf(graphOf(lines)).filter(isGroup);
/** Nodes without names, each reading the one before; "Add-4" also reads the one four before. */
const chain = (ops: readonly string[]): string[] => ["x input", ...ops.map((op, i) => { const [name, back] = op.split("-"), at = (k: number) => (k < 0 ? "x" : `n${k}`); return `n${i} ${name} < ${[...new Set([at(i - 1), ...(back ? [at(i - Number(back))] : [])])].join(" ")}`; }), `y output < n${ops.length - 1}`];
const times = (count: number, ...ops: string[]): string[] => Array.from({ length: count }, () => ops).flat();

test("blocks that nobody named are one row if they are built alike, and only then", () => {
  const alike = groups(chain(times(4, "Conv", "Relu", "Conv", "Add-4")));
  expect(alike.map((group) => groupCaption(group))).toEqual(["residual ×4"]);
  expect(alike[0].members).toHaveLength(4);
  const others = groups(chain([...times(2, "Conv", "Relu", "Conv", "Add-4"), ...times(2, "Conv", "Conv", "Conv", "Relu", "Add-5")]));
  expect(others.map((group) => groupCaption(group))).toEqual(["residual ×2", "residual ×2"]);
});

test("what stands several times without a skip becomes blocks, many layers of one kind a row of layers", () => {
  const [row] = groups(chain(["Gemm", ...times(3, "Conv", "MaxPool"), "Gemm"]));
  expect([row.title, groupCaption(row), row.members.map((member) => (isGroup(member) ? member.members.length : 0))]).toEqual(["block 1–3", "block ×3", [2, 2, 2]]);
  expect(groups(chain(times(8, "Conv"))).map((group) => [group.title, groupCaption(group), group.members.length])).toEqual([["n0–7", "layer ×8", 8]]);
  expect(groups(chain(["Conv", "MaxPool", "Conv", "MaxPool", "Gemm"]))).toEqual([]);
});

test("a skip over the whole network does not hide the blocks below it", () => {
  const lines = chain(["Conv", ...times(6, "Conv", "Relu", "Conv", "Add-4"), "Concat-24"]);
  expect(groups(lines).map((group) => groupCaption(group))).toContain("residual ×6");
});

test("a list of hundreds is cut into parts, at places where few edges pass", () => {
  let seed = 7;
  const ops = Array.from({ length: 700 }, () => ["Conv", "Relu", "MaxPool", "Gemm", "Sin", "Cos", "Tan"][(seed = (seed * 1103515245 + 12345) % 2147483648) % 7]), graph = graphOf(chain(ops)), members = groupsOf(graph);
  expect(members.length).toBeLessThan(40);
  const parts = members.filter(isGroup);
  expect(parts.every(({ of }) => of === "part")).toBe(true);
  const flat = (all: readonly Member[]): number[] => all.flatMap((member) => (isGroup(member) ? flat(member.members) : [member]));
  expect(flat(members)).toEqual(graph.nodes.map(({ id }) => id));
});

test("repeats lie apart and are repeats, and what is one many times is found", () => {
  fc.assert(fc.property(fc.array(fc.nat(3), { maxLength: 60 }), (shapes) => {
    let end = 0;
    for (const { start, length, count } of repeatsIn(shapes)) {
      expect(start).toBeGreaterThanOrEqual(end);
      for (let i = start; i < start + length * (count - 1); i++) expect(shapes[i]).toBe(shapes[i + length]);
      end = start + length * count;
      expect(end).toBeLessThanOrEqual(shapes.length);
    }
  }));
  expect(repeatsIn([9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 8])).toEqual([{ start: 1, length: 3, count: 3 }]);
});
