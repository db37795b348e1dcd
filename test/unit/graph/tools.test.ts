import fc from "fast-check";
import { expect, test } from "vitest";
import { linkTo, readLink } from "../../../src/editor/link";
import { pack, unpack } from "../../../src/protocol/packed";
import { between } from "../../../webview/graph/between";
import { SvgDrawing } from "../../../webview/graph/drawing";
import { Finder } from "../../../webview/graph/finder";
import { SearchIndex } from "../../../webview/graph/search";
import { assignTracks, netsOf } from "../../../webview/graph/tracks";
import { layout } from "../../../webview/graph/layout";
import { orthogonalCrossings, rankedCrossings } from "../../helpers/crossings";
import { generatedGraph } from "../../helpers/generated-graph";
import { graphOf } from "./facts";

test("a search finds words in any order, sizes with an x, attributes, tensors and what is folded in", () => {
  const graph = graphOf(["x input", "a.conv Conv < x", "b.pool MaxPool < a.conv"], { "a.conv": ["N", 16, 8, 8] });
  Object.assign(graph.nodes[1], { fused: ["BatchNormalization", "Relu"], attributes: [["strides", "2, 2"]] });
  const index = new SearchIndex(graph.nodes), find = (text: string) => [...index.find(text)];
  expect(find("relu conv")).toEqual([1]);
  expect(find("16x8x8")).toEqual([1]);
  expect(find("16,8")).toEqual([1]);
  expect(find("strides=2x2")).toEqual([1]);
  expect(find("strides = 2, 2")).toEqual([1]);
  expect(find("A.CONV.WEIGHT")).toEqual([1]);
  expect(find("conv pool")).toEqual([]);
  expect(find("   ")).toEqual([]);
});

test("a search goes on in the graphs inside nodes, and marks the nodes that they are in", async () => {
  const main = graphOf(["x input", "slow.stem Conv < x", "choose If < slow.stem", "call F < choose", "head Conv < call"]), branch = graphOf(["slow.c0 Conv", "again Loop < slow.c0", "gone If < again"]), body = graphOf(["deep.c1 Conv", "slow.c2 Conv < deep.c1"]);
  main.nodes[2].bodies = [{ path: "choose/then", title: "then" }];
  main.nodes[3].bodies = [{ path: "again/body", title: "F" }]; // the same graph, called from two places
  branch.nodes[1].bodies = [{ path: "again/body", title: "body" }];
  branch.nodes[2].bodies = [{ path: "gone", title: "cannot be read" }];
  const asked: string[] = [], finder = new Finder(main, async (path) => {
    asked.push(path);
    if (path === "gone") throw new Error("no such graph");
    return path === "choose/then" ? branch : body;
  }), hits = () => finder.hits.map(({ body: path, node }) => `${path}:${node.label}`);
  finder.find("deep");
  expect([finder.count, asked]).toEqual([undefined, []]); // nobody knows yet
  finder.find("slow");
  expect(hits()).toEqual([":slow.stem"]);
  await Promise.all([finder.findAll(), finder.findAll()]);
  expect(asked).toEqual(["choose/then", "again/body", "gone"]);
  expect(hits()).toEqual([":slow.stem", "choose/then:slow.c0", "again/body:slow.c2"]);
  expect([...finder.marked("")]).toEqual([1, 2, 3]);
  expect([...finder.marked("choose/then")]).toEqual([0, 1]);
  expect([...finder.marked("again/body")]).toEqual([1]);
  const walk = (at: { body: string; id: number }, step: 1 | -1, count: number): string[] => {
    const hit = finder.next(at, step);
    return hit && count ? [hit.node.label, ...walk({ body: hit.body, id: hit.node.id }, step, count - 1)] : [];
  };
  expect(walk({ body: "", id: 0 }, 1, 4)).toEqual(["slow.stem", "slow.c0", "slow.c2", "slow.stem"]);
  expect(walk({ body: "again/body", id: 0 }, -1, 3)).toEqual(["slow.c0", "slow.stem", "slow.c2"]);
  finder.find("nothing");
  expect([finder.count, finder.marked("").size, finder.next({ body: "", id: 0 }, 1)]).toEqual([0, 0, undefined]);
});

test("all ways between two nodes are found, whichever comes first, as a search of every path finds them", () => {
  const graph = graphOf(["x input", "a Conv < x", "b Conv < a", "c Conv < a", "d Add < b c", "e Conv < x", "y output < d"]);
  expect([...between(graph, 1, 4)!.nodes]).toEqual([1, 2, 3, 4]);
  expect(between(graph, 4, 1)!.shortest).toBe(2);
  expect(between(graph, 2, 3)).toBeUndefined();
  fc.assert(fc.property(fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 9 }), (reads) => {
    const names = ["x", ...reads.map((_, i) => `n${i}`)], random = graphOf(["x input", ...reads.map((back, i) => `n${i} Conv < ${[...new Set(back.map((k) => names[Math.max(0, i - k)]))].join(" ")}`)]), last = reads.length;
    const paths: number[][] = [], walk = (path: number[]): void => {
      const at = path[path.length - 1];
      if (at === last) paths.push(path);
      for (const { from, to } of random.edges) if (from === at) walk([...path, to]);
    };
    walk([0]);
    const found = between(random, 0, last);
    expect(found && [...found.nodes].sort((a, b) => a - b)).toEqual(paths.length ? [...new Set(paths.flat())].sort((a, b) => a - b) : undefined);
    expect(found?.shortest).toBe(paths.length ? Math.min(...paths.map(({ length }) => length - 1)) : undefined);
  }));
});

test("links come back as they were made, strangers' are none", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), fc.option(fc.string({ minLength: 1 }), { nil: undefined }), (file, node, body) => {
    expect(readLink(linkTo("vscode", "kernelscope.kernelscope", { file, node, body }))).toEqual({ file, node, ...(body && { body }) });
  }));
  for (const text of ["", "https://example.org/?file=a&node=b", "vscode://kernelscope.kernelscope/open?file=a", "file=a&node=b"]) expect(readLink(text)).toBeUndefined();
});

test("what is packed comes back", async () => {
  const data = { graph: graphOf(["x input", "a Conv < x"], { a: ["N", 3] }), rows: [{ name: "ä→×", bytes: 1.5 }] }, packed = await pack(data);
  expect(await unpack(packed)).toEqual(JSON.parse(JSON.stringify(data)));
});

/** Crossings of the nets of one gap as they are drawn. */
const crossingsOf = (nets: { top: number; bottoms: number[]; track: number }[]): number => orthogonalCrossings(nets.flatMap(({ top, bottoms, track }) => bottoms.map((bottom) => [top, 0, top, track + 1, bottom, track + 1, bottom, 1000])));

test("lines between two ranks cross no more than their order makes them", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.nat(12), { minLength: 2, maxLength: 7 }), fc.infiniteStream(fc.nat(99)), (tops, keys) => {
    const bottoms = tops.map((top) => ({ top, key: keys.next().value! })).sort((a, b) => a.key - b.key).map(({ top }) => top);
    // ends lie beside all beginnings, so that no line is straight down
    const chains = tops.map((_, i) => [i, tops.length + i]), columns = tops.map((top, i) => [top * 20, bottoms[i] * 20 + 7]), [nets] = netsOf(chains, columns, tops.map(() => 0), tops.map(() => false));
    const count = assignTracks(nets);
    for (const a of nets) for (const b of nets) if (a !== b && a.track === b.track) expect(a.high < b.low || b.high < a.low).toBe(true);
    expect(Math.max(...nets.map(({ track }) => track))).toBe(count - 1);
    const least = rankedCrossings(columns.map(([top, bottom]) => [top, 0, bottom, 1]));
    // wishes may run in a circle; then a few lines cross once more
    expect(crossingsOf(nets)).toBeLessThanOrEqual(least + nets.length);
  }));
});

test("in whole networks drawn lines cross as often as the order of nodes makes them", () => {
  for (const seed of [1, 2, 3]) {
    const { op, from, to } = generatedGraph(300, seed), wide = op.map((kind) => (kind === "Conv" ? 132 : 56)), { x, y, edges } = layout({ left: wide, right: wide, heights: op.map(() => 40), from, to }), tops = [...new Set(y)].sort((a, b) => a - b);
    const ranked = edges.map((points, e) => {
      const line = [x[from[e]], y[from[e]]];
      for (const top of tops) if (top > y[from[e]] && top < y[to[e]]) for (let i = 2; i < points.length; i += 2) if (points[i - 2] === points[i] && points[i - 1] <= top && points[i + 1] >= top) { line.push(points[i], top); break; }
      return [...line, x[to[e]], y[to[e]]];
    });
    expect(orthogonalCrossings(edges)).toBe(rankedCrossings(ranked));
  }
});

test("a drawing as SVG is well-formed and says what was drawn, strangers' names as text", () => {
  const measure = { font: "", measureText: (text: string) => ({ width: text.length * 7 }) }, drawing = new SvgDrawing(measure);
  drawing.fillStyle = "#123456";
  drawing.font = "13px sans-serif";
  drawing.globalAlpha = 0.5;
  drawing.fillText('<b>&"', 3, 4.126);
  drawing.save();
  drawing.setLineDash([4, 3]);
  drawing.translate(1, 2);
  drawing.beginPath();
  drawing.moveTo(0, 0);
  drawing.arcTo(10, 0, 10, 10, 5);
  drawing.stroke();
  drawing.restore();
  drawing.fillRect(1, 2, 3, 4);
  expect(drawing.svg({ left: 0, top: -8, width: 20, height: 30 }, "#ffffff")).toBe([
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="30" viewBox="0 -8 20 30">', '<rect x="0" y="-8" width="20" height="30" fill="#ffffff"/>',
    '<text x="3" y="4.13" font-size="13" font-family="sans-serif" fill="#123456" opacity="0.5">&#60;b&#62;&#38;&#34;</text>',
    '<path d="M0 0L5 0Q10 0 10 5" fill="none" stroke="#000" stroke-width="1" stroke-dasharray="4 3" opacity="0.5" transform="translate(1 2)"/>',
    '<rect x="1" y="2" width="3" height="4" fill="#123456" opacity="0.5"/>', "</svg>", "",
  ].join("\n"));
});
