/** Layered layout of a directed graph: ranks by longest path, dummies on long edges, median sweeps, x by isotonic regression. All steps are linear or n log n. */

export interface LayoutInput { widths: number[]; heights: number[]; from: number[]; to: number[] }
export interface Layout {
  /** Centre of each node. */
  x: Float64Array;
  y: Float64Array;
  /** Points of each edge from bottom to top: x0, y0, x1, y1, … */
  edges: Float64Array[];
  width: number;
  height: number;
}

const GAP_X = 28, GAP_Y = 34, DUMMY_WIDTH = 12, SWEEPS = 12;

export function layout({ widths, heights, from, to }: LayoutInput): Layout {
  const count = widths.length;
  const rank = ranksOf(count, from, to);
  const width = [...widths], layerOf = [...rank];
  // a chain of dummies stands for every edge that passes ranks
  const chains: number[][] = [], links: [number, number][] = [];
  from.forEach((source, e) => {
    const chain = [source];
    for (let r = rank[source] + 1; r < rank[to[e]]; r++) {
      chain.push(width.length);
      width.push(DUMMY_WIDTH);
      layerOf.push(r);
    }
    chain.push(to[e]);
    for (let i = 1; i < chain.length; i++) links.push([chain[i - 1], chain[i]]);
    chains.push(chain);
  });
  const up: number[][] = width.map(() => []), down: number[][] = width.map(() => []);
  for (const [a, b] of links) { down[a].push(b); up[b].push(a); }
  const layers: number[][] = Array.from({ length: Math.max(0, ...layerOf) + 1 }, () => []);
  layerOf.forEach((r, node) => layers[r].push(node));
  order(layers, up, down);
  const x = place(layers, up, down, width, count);

  const y = new Float64Array(count), tops: number[] = [], bottoms: number[] = [];
  let at = 0;
  layers.forEach((nodes, r) => {
    const tall = Math.max(0, ...nodes.map((n) => (n < count ? heights[n] : 0)));
    tops[r] = at;
    bottoms[r] = at + tall;
    for (const n of nodes) if (n < count) y[n] = at + heights[n] / 2;
    at += tall + GAP_Y;
  });
  let left = Infinity, right = -Infinity;
  x.forEach((v, n) => { left = Math.min(left, v - width[n] / 2); right = Math.max(right, v + width[n] / 2); });
  if (!count) left = right = 0;
  for (let n = 0; n < x.length; n++) x[n] -= left;
  const edges = chains.map((chain) => {
    const points = [x[chain[0]], y[chain[0]] + heights[chain[0]] / 2];
    for (const dummy of chain.slice(1, -1)) points.push(x[dummy], tops[layerOf[dummy]], x[dummy], bottoms[layerOf[dummy]]);
    const last = chain[chain.length - 1];
    points.push(x[last], y[last] - heights[last] / 2);
    return Float64Array.from(points);
  });
  return { x: x.slice(0, count), y, edges, width: right - left, height: Math.max(0, at - GAP_Y) };
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
function place(layers: number[][], up: number[][], down: number[][], width: number[], real: number): Float64Array {
  const x = new Float64Array(width.length);
  for (const nodes of layers) {
    let at = 0;
    for (const n of nodes) { x[n] = at + width[n] / 2; at += width[n] + GAP_X; }
    for (const n of nodes) x[n] -= (at - GAP_X) / 2;
  }
  for (let sweep = 0; sweep < 16; sweep++) {
    const downward = sweep % 2 === 0;
    for (let i = 0; i < layers.length; i++) settle(layers[downward ? i : layers.length - 1 - i], (n) => {
      const near = [...(downward ? up[n] : down[n]), ...(sweep > 8 ? (downward ? down[n] : up[n]) : [])];
      let sum = 0, weight = 0;
      for (const m of near) {
        const w = n >= real && m >= real ? 8 : 1;
        sum += w * x[m];
        weight += w;
      }
      return weight ? [sum / weight, weight] : [x[n], 0.01];
    }, width, x);
  }
  return x;
}

function settle(nodes: number[], wish: (n: number) => [number, number], width: number[], x: Float64Array): void {
  const offsets: number[] = [];
  let offset = 0;
  nodes.forEach((n, i) => {
    if (i) offset += (width[nodes[i - 1]] + width[n]) / 2 + GAP_X;
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
