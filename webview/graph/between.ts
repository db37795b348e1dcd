import type { GraphFacts } from "../../src/protocol/api";

/** All ways from one node to another. */
export interface Between {
  /** Nodes on any of them, both ends included. */
  nodes: ReadonlySet<number>;
  /** Places in the list of edges. */
  edges: ReadonlySet<number>;
  /** Edges of the shortest way. */
  shortest: number;
}

/** The ways between two nodes, in whichever direction they lead; undefined where none does. */
export function between(graph: GraphFacts, a: number, b: number): Between | undefined {
  return waysFrom(graph, a, b) ?? waysFrom(graph, b, a);
}

function waysFrom({ nodes, edges }: GraphFacts, from: number, to: number): Between | undefined {
  const down: number[][] = nodes.map(() => []), up: number[][] = nodes.map(() => []);
  edges.forEach((edge) => { down[edge.from].push(edge.to); up[edge.to].push(edge.from); });
  const behind = distances(down, from), before = distances(up, to), shortest = behind[to];
  if (shortest < 0) return undefined;
  const isOn = (id: number): boolean => behind[id] >= 0 && before[id] >= 0;
  return { nodes: new Set(nodes.flatMap(({ id }) => (isOn(id) ? [id] : []))), edges: new Set(edges.flatMap((edge, i) => (isOn(edge.from) && isOn(edge.to) ? [i] : []))), shortest };
}

/** Edges to each node from one; −1 where none lead. */
function distances(next: readonly number[][], from: number): Int32Array {
  const found = new Int32Array(next.length).fill(-1), queue = [from];
  found[from] = 0;
  for (const at of queue) for (const n of next[at]) if (found[n] < 0) { found[n] = found[at] + 1; queue.push(n); }
  return found;
}
