import fc from "fast-check";
import { expect, test } from "vitest";
import { layout, type Layout, type LayoutInput } from "../../../webview/graph/layout";
import { FRAME_HEAD, layoutFrame } from "../../../webview/graph/nested";

const graphOf = (count: number, links: [number, number][], more: Partial<LayoutInput> = {}): LayoutInput => ({
  left: Array(count).fill(50), right: Array(count).fill(50), heights: Array(count).fill(30), from: links.map(([a]) => a), to: links.map(([, b]) => b), ...more,
});

/** Edges that run through the inside of a node. */
function crossed({ left, right, heights }: LayoutInput, { x, y, edges }: Layout): string[] {
  const found: string[] = [];
  edges.forEach((points, e) => {
    for (let i = 2; i < points.length; i += 2) for (let n = 0; n < heights.length; n++) {
      const [x0, x1] = [Math.min(points[i - 2], points[i]), Math.max(points[i - 2], points[i])], [y0, y1] = [Math.min(points[i - 1], points[i + 1]), Math.max(points[i - 1], points[i + 1])];
      if (x1 > x[n] - left[n] + 1 && x0 < x[n] + right[n] - 1 && y1 > y[n] + 1 && y0 < y[n] + heights[n] - 1) found.push(`edge ${e} crosses node ${n}`);
    }
  });
  return found;
}

test("a residual block: the main path is straight, the skip runs at its right and comes in at the side", () => {
  const input = graphOf(4, [[0, 1], [1, 2], [0, 3], [2, 3]], { sides: [undefined, undefined, undefined, 15] }), picture = layout(input), skip = picture.edges[2];
  expect(new Set(picture.x).size).toBe(1);
  expect(Math.max(...skip.filter((_, i) => i % 2 === 0))).toBeGreaterThan(picture.x[0] + 50);
  expect([...skip.slice(-2)]).toEqual([picture.x[3] + 50, picture.y[3] + 15]);
  expect(crossed(input, picture)).toEqual([]);
});

test("nodes lie apart, edges run along the axes and cross no node, whatever the graph", () => {
  const graphs = fc.integer({ min: 1, max: 24 }).chain((count) => fc.record({
    links: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 40 }), heights: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: count, maxLength: count }),
    left: fc.array(fc.integer({ min: 4, max: 150 }), { minLength: count, maxLength: count }), pills: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
  }));
  fc.assert(fc.property(graphs, ({ links, heights, left, pills }) => {
    const forward = [...new Map(links.filter(([a, b]) => a < b).map((link) => [link.join(">"), link] as const)).values()];
    const input = graphOf(heights.length, forward, { heights, left, sides: pills.map((pill, n) => (pill ? heights[n] / 2 : undefined)) }), picture = layout(input);
    expect(crossed(input, picture)).toEqual([]);
    for (let a = 0; a < heights.length; a++) for (let b = 0; b < a; b++) {
      const apart = picture.x[a] + 50 <= picture.x[b] - left[b] || picture.x[b] + 50 <= picture.x[a] - left[a] || picture.y[a] + heights[a] <= picture.y[b] || picture.y[b] + heights[b] <= picture.y[a];
      expect(apart).toBe(true);
    }
    for (const points of picture.edges) for (let i = 2; i < points.length; i += 2) expect(points[i] === points[i - 2] || points[i + 1] === points[i - 1]).toBe(true);
  }));
});

test("nested skips do not cross each other", () => {
  const input = graphOf(6, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [0, 5], [1, 4]]), { edges } = layout(input);
  const column = (e: number) => Math.max(...edges[e].filter((_, i) => i % 2 === 0));
  expect(column(5)).toBeGreaterThan(column(6));
  for (const e of [5, 6]) expect(new Set([...edges[e]].filter((_, i) => i % 2 === 0)).size, "one straight line down").toBe(2);
});

test("a frame is a box whose edges go on inside on the same line", () => {
  const inside = { boxes: [{ width: 0, height: 0 }, { width: 100, height: 40 }, { width: 60, height: 20, side: 10 }], from: [0, 1, 0], to: [1, 2, 2], entry: 0 };
  const picture = layoutFrame({ boxes: [{ width: 100, height: 20 }, { width: 0, height: 0, inside }, { width: 100, height: 20 }], from: [0, 1], to: [1, 2] });
  const inner = picture.insides[1]!, middle = picture.left[0] + 50;
  expect(inner.left[1] + 50).toBe(middle);
  expect(picture.left[2] + 50).toBe(middle);
  expect(inner.top[0]).toBe(picture.top[1] + FRAME_HEAD);
  expect(inner.edges[0].filter((_, i) => i % 2 === 0).every((x) => x === middle)).toBe(true);
  for (let i = 0; i < 3; i++) {
    expect(inner.left[i]).toBeGreaterThanOrEqual(picture.left[1]);
    expect(inner.left[i] + inner.width[i]).toBeLessThanOrEqual(picture.left[1] + picture.width[1]);
    expect(inner.top[i] + inner.height[i]).toBeLessThan(picture.top[1] + picture.height[1]);
  }
  expect(Math.max(...inner.edges[2].filter((_, i) => i % 2 === 0))).toBeLessThan(picture.left[1] + picture.width[1]);
});
