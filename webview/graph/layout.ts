import { assignTracks, netsOf } from "./tracks";

/** Layered layout of a directed graph: ranks by longest path, dummies on long edges, median sweeps, x by isotonic regression. All steps are linear or n log n. */

export interface LayoutInput {
  /** How far each node reaches to either side of the line that its edges are on. */
  left: number[];
  right: number[];
  heights: number[];
  from: number[];
  to: number[];
  /** Where a node takes edges at its sides: how far below its top. Others take all at their top. */
  sides?: (number | undefined)[];
  /** Where edges leave a node, if not on the line that they come in on. */
  exits?: (number | undefined)[];
  /** The node that stands for whatever lies above; it has no height. */
  entry?: number;
}

export interface Layout {
  /** The line that a node's edges are on. */
  x: Float64Array;
  /** Top of each node. */
  y: Float64Array;
  /** Corners of each edge from bottom to top: x0, y0, x1, y1, …; lines between them run along an axis. */
  edges: Float64Array[];
  width: number;
  height: number;
}

const GAP_X = 24, GAP_Y = 20, ENTRY_GAP = 14, TRACK = 6, FIRST_TRACK = 5, DUMMY_WIDTH = 4, SWEEPS = 12;
/** How much straighter the edges of the main path want to be than others. */
const MAIN = 1 << 14, VERTICAL = 8;

/** A graph whose long edges are chains of dummies, one for each rank that they pass. Nodes from `real` on are dummies. */
interface Layered { real: number; left: number[]; right: number[]; rank: number[]; layers: number[][]; up: number[][]; down: number[][]; chains: number[][]; main: Set<number> }

export function layout(input: LayoutInput): Layout {
  const count = input.heights.length, graph = layered(input);
  order(graph.layers, graph.up, graph.down);
  const x = place(graph);
  straighten(graph, x);
  let left = Infinity, right = -Infinity;
  x.forEach((v, n) => { left = Math.min(left, v - graph.left[n]); right = Math.max(right, v + graph.right[n]); });
  if (!count) left = right = 0;
  for (let n = 0; n < x.length; n++) x[n] = Math.round(x[n] - left);
  return { ...route(input, graph, x), width: Math.ceil(right - left) };
}

function layered({ left, right, heights, from, to }: LayoutInput): Layered {
  const count = heights.length, rank = [...ranksOf(count, from, to)], lefts = [...left], rights = [...right], links: [number, number][] = [];
  const chains = from.map((source, e) => {
    const chain = [source];
    for (let r = rank[source] + 1; r < rank[to[e]]; r++) {
      chain.push(lefts.length);
      lefts.push(DUMMY_WIDTH / 2);
      rights.push(DUMMY_WIDTH / 2);
      rank.push(r);
    }
    chain.push(to[e]);
    for (let i = 1; i < chain.length; i++) links.push([chain[i - 1], chain[i]]);
    return chain;
  });
  const up: number[][] = lefts.map(() => []), down: number[][] = lefts.map(() => []);
  for (const [a, b] of links) { down[a].push(b); up[b].push(a); }
  const layers: number[][] = Array.from({ length: rank.reduce((most, r) => Math.max(most, r), 0) + 1 }, () => []);
  rank.forEach((r, node) => layers[r].push(node));
  const main = mainPath(count, layers, up, down);
  for (const nodes of layers) nodes.sort((a, b) => weightOf(a) - weightOf(b) || a - b);
  return { real: count, left: lefts, right: rights, rank, layers, up, down, chains, main };

  /** The main path first, then its side branches, then edges that only pass. */
  function weightOf(node: number): number { return main.has(node) ? 0 : node < count ? 1 : 2; }
}

/** Nodes on the longest paths: from each the way on that is longest, where that node looks back at it. */
function mainPath(count: number, layers: number[][], up: number[][], down: number[][]): Set<number> {
  const depth = new Int32Array(up.length), main = new Set<number>();
  for (const nodes of [...layers].reverse()) for (const n of nodes) if (n < count) for (const m of down[n]) if (m < count) depth[n] = Math.max(depth[n], depth[m] + 1);
  for (const n of layers[0] ?? []) {
    if (main.size && !up[n].length && depth[n] < Math.max(...layers[0].map((m) => depth[m]))) continue;
    for (let at: number | undefined = n; at !== undefined && !main.has(at);) {
      main.add(at);
      at = down[at].filter((m) => m < count).reduce<number | undefined>((best, m) => (best === undefined || depth[m] > depth[best] ? m : best), undefined);
    }
  }
  return main;
}

/** Longest path from a source. Edges that close a cycle are looked through. */
function ranksOf(count: number, from: number[], to: number[]): Int32Array {
  const rank = new Int32Array(count), waiting = new Int32Array(count), next: number[][] = Array.from({ length: count }, () => []);
  from.forEach((a, e) => { next[a].push(to[e]); waiting[to[e]]++; });
  const ready: number[] = [];
  for (let n = 0; n < count; n++) if (!waiting[n]) ready.push(n);
  for (let i = 0; i < ready.length; i++) for (const n of next[ready[i]]) {
    rank[n] = Math.max(rank[n], rank[ready[i]] + 1);
    if (--waiting[n] === 0) ready.push(n);
  }
  return rank;
}

function order(layers: number[][], up: number[][], down: number[][]): void {
  const position = new Float64Array(up.length);
  const number = () => layers.forEach((nodes) => nodes.forEach((n, i) => { position[n] = i; }));
  number();
  let best = layers.map((nodes) => [...nodes]), least = crossings(layers, down, position);
  for (let sweep = 0; sweep < SWEEPS && least > 0; sweep++) {
    const downward = sweep % 2 === 0, near = downward ? up : down;
    for (let i = 1; i < layers.length; i++) {
      const nodes = layers[downward ? i : layers.length - 1 - i];
      const key = new Map(nodes.map((n) => [n, median(near[n].map((m) => position[m]), position[n])]));
      nodes.sort((a, b) => key.get(a)! - key.get(b)!);
      nodes.forEach((n, at) => { position[n] = at; });
    }
    const now = crossings(layers, down, position);
    if (now < least) { least = now; best = layers.map((nodes) => [...nodes]); }
  }
  best.forEach((nodes, i) => { layers[i] = nodes; });
}

function median(values: number[], fallback: number): number {
  if (!values.length) return fallback;
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  return values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/** Crossings between neighbouring layers, counted with a Fenwick tree. */
function crossings(layers: number[][], down: number[][], position: Float64Array): number {
  let total = 0;
  layers.forEach((nodes, r) => {
    const size = layers[r + 1]?.length ?? 0;
    if (!size) return;
    const tree = new Int32Array(size + 1);
    let seen = 0;
    for (const n of nodes) {
      const targets = down[n].map((m) => position[m]).sort((a, b) => a - b);
      for (const t of targets) {
        let before = 0;
        for (let i = t + 1; i > 0; i -= i & -i) before += tree[i];
        total += seen - before;
      }
      for (const t of targets) {
        seen++;
        for (let i = t + 1; i <= size; i += i & -i) tree[i]++;
      }
    }
  });
  return total;
}

/** Pulls every layer towards its neighbours: least squares under the order and the gaps, by pooling adjacent violators. */
function place(graph: Layered): Float64Array {
  const { layers, up, down, left, right, real, main } = graph, x = new Float64Array(left.length);
  for (const nodes of layers) {
    let at = 0;
    for (const n of nodes) { x[n] = at + left[n]; at += left[n] + right[n] + GAP_X; }
    for (const n of nodes) x[n] -= (at - GAP_X) / 2;
  }
  const pull = (n: number, m: number): number => (main.has(n) && main.has(m) ? MAIN : n >= real && m >= real ? VERTICAL : 1);
  for (let sweep = 0; sweep < 16; sweep++) {
    const downward = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) settle(layers[downward ? i : layers.length - 1 - i], (n) => {
      const near = [...(downward ? up[n] : down[n]), ...(sweep > 8 ? (downward ? down[n] : up[n]) : [])];
      let sum = 0, weight = 0;
      for (const m of near) {
        const w = pull(n, m);
        sum += w * x[m];
        weight += w;
      }
      return weight ? [sum / weight, weight] : [x[n], 0.01];
    }, graph, x);
  }
  return x;
}

/** Draws long edges as one straight line where there is room: out to where they have to be farthest from the main path, the outermost first. */
function straighten({ chains, layers, rank, left, right }: Layered, x: Float64Array): void {
  const place = new Int32Array(x.length);
  for (const nodes of layers) nodes.forEach((n, i) => { place[n] = i; });
  const long = chains.filter(({ length }) => length > 3).map((chain) => {
    const dummies = chain.slice(1, -1), side = dummies.reduce((sum, n) => sum + x[n] - x[chain[0]], 0) < 0 ? -1 : 1;
    return { dummies, side, reach: Math.max(...dummies.map((n) => x[n] * side)) };
  });
  for (const { dummies, side, reach } of long.sort((a, b) => b.reach - a.reach)) for (const n of dummies) {
    const beyond = layers[rank[n]][place[n] + side], room = beyond === undefined ? Infinity : (side > 0 ? x[beyond] - left[beyond] - right[n] : -x[beyond] - right[beyond] - left[n]) - GAP_X;
    x[n] = Math.max(x[n] * side, Math.min(reach, room)) * side;
  }
}

function settle(nodes: number[], wish: (n: number) => [number, number], { left, right }: Layered, x: Float64Array): void {
  const offsets: number[] = [];
  let offset = 0;
  nodes.forEach((n, i) => {
    if (i) offset += right[nodes[i - 1]] + left[n] + GAP_X;
    offsets.push(offset);
  });
  const pools: { sum: number; weight: number; count: number }[] = [];
  nodes.forEach((n, i) => {
    const [target, weight] = wish(n);
    let pool = { sum: (target - offsets[i]) * weight, weight, count: 1 };
    for (let last = pools[pools.length - 1]; last && last.sum / last.weight > pool.sum / pool.weight; last = pools[pools.length - 1]) {
      pool = { sum: pool.sum + last.sum, weight: pool.weight + last.weight, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  });
  let i = 0;
  for (const { sum, weight, count } of pools) for (let k = 0; k < count; k++, i++) x[nodes[i]] = sum / weight + offsets[i];
}

/** Heights of ranks and gaps, and the corners of every edge: down, across in the gap between two ranks, down again. Lines across that would lie on each other get tracks of their own. */
function route({ heights, from, to, sides = [], exits = [], entry }: LayoutInput, { real, rank, layers, chains, left, right }: Layered, x: Float64Array): Omit<Layout, "width"> {
  const columns = chains.map((chain) => chain.map((n, i) => x[n] + (i === 0 ? exits[n] ?? 0 : 0)));
  const atSide = chains.map((chain, e): boolean => {
    const target = to[e], column = columns[e][chain.length - 2];
    if (sides[target] === undefined || (column > x[target] - left[target] - 8 && column < x[target] + right[target] + 8)) return false;
    const [low, high] = [Math.min(column, x[target]) - 4, Math.max(column, x[target]) + 4];
    return !layers[rank[target]].some((n) => n < real && n !== target && x[n] - left[n] < high && x[n] + right[n] > low);
  });
  const nets = netsOf(chains, columns, rank, atSide), tracks = Int32Array.from(layers, (_, gap) => assignTracks(nets[gap] ?? []));
  const y = new Float64Array(real), tops: number[] = [], bottoms: number[] = [];
  let at = 0;
  layers.forEach((nodes, r) => {
    tops[r] = at;
    for (const n of nodes) if (n < real) { y[n] = at; bottoms[r] = Math.max(bottoms[r] ?? at, at + heights[n]); }
    bottoms[r] ??= at;
    at = bottoms[r] + (r === 0 && entry !== undefined && nodes.includes(entry) && nodes.length === 1 ? ENTRY_GAP + Math.max(0, tracks[r] - 1) * TRACK : GAP_Y + tracks[r] * TRACK);
  });
  const levelOf = new Map(nets.flatMap((some, gap) => some.map((net) => [net.source, bottoms[gap] + FIRST_TRACK + net.track * TRACK])));
  const edges = chains.map((chain, e) => {
    const target = to[e], points = [columns[e][0], y[from[e]] + heights[from[e]]];
    for (let i = 1; i < chain.length; i++) {
      const [before, after] = [columns[e][i - 1], columns[e][i]], level = levelOf.get(chain[i - 1]);
      if (before !== after && level !== undefined && !(atSide[e] && i === chain.length - 1)) points.push(before, level, after, level);
    }
    if (atSide[e]) {
      const column = columns[e][chain.length - 2], level = y[target] + (sides[target] ?? 0);
      points.push(column, level, column > x[target] ? x[target] + right[target] : x[target] - left[target], level);
    } else points.push(x[target], y[target]);
    return Float64Array.from(points);
  });
  return { x: x.slice(0, real), y, edges, height: bottoms.length ? bottoms[bottoms.length - 1] : 0 };
}
