import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";
import { SearchIndex } from "./search";

/** A node that a search has found, and the graph that it stands in: "" for the main one. */
export interface Hit { body: string; node: GraphNodeFacts }

interface Searched { graph: GraphFacts; index: SearchIndex }

/** Searches the main graph and those inside its nodes, each of which is read once, when somebody searches. */
export class Finder {
  hits: readonly Hit[] = [];
  private readonly searched = new Map<string, Searched>();
  private reading: Promise<void> | undefined;
  private isWhole = false;
  private text = "";

  constructor(main: GraphFacts, private readonly read: (body: string) => Promise<GraphFacts>) { this.add("", main); }

  /** How many are found; undefined while none is and graphs are still read. */
  get count(): number | undefined { return this.hits.length || this.isWhole || !this.text.trim() ? this.hits.length : undefined; }

  /** Finds what can be found at once: in the main graph, then in those inside it, each in the order of the file. */
  find(text: string): void {
    this.text = text;
    this.hits = [...this.searched].flatMap(([body, { graph, index }]) => [...index.find(text)].map((id) => ({ body, node: graph.nodes[id] })));
  }

  /** Finds what lies in graphs that nobody has looked into yet, too. A graph that cannot be read is left out. */
  async findAll(): Promise<void> {
    if (this.isWhole) return;
    await (this.reading ??= this.readInside(this.searched.get("")!.graph));
    this.isWhole = true;
    this.find(this.text);
  }

  /** The hit after a node, or before it; of the last the first. */
  next({ body, id }: { body: string; id: number }, step: 1 | -1): Hit | undefined {
    const order = [...this.searched.keys()], place = order.indexOf(body), { hits } = this;
    const side = (hit: Hit): number => order.indexOf(hit.body) - place || hit.node.id - id;
    return step > 0 ? hits.find((hit) => side(hit) > 0) ?? hits[0] : hits.filter((hit) => side(hit) < 0).pop() ?? hits[hits.length - 1];
  }

  /** Which of the hits a node is, counted from 1; 0 if it is none. */
  place({ body, id }: { body: string; id: number }): number { return this.hits.findIndex((hit) => hit.body === body && hit.node.id === id) + 1; }

  /** The nodes of a graph that are hits or hold some in the graphs inside them. */
  marked(body: string): Set<number> {
    const holds = new Map<string, boolean>(), found = new Set(this.hits.map((hit) => hit.body)), inside = ({ bodies = [] }: GraphNodeFacts): boolean => bodies.some(({ path }) => isHolding(path));
    const isHolding = (path: string): boolean => {
      const known = holds.get(path);
      if (known !== undefined) return known;
      holds.set(path, false);
      const held = found.has(path) || (this.searched.get(path)?.graph.nodes.some(inside) ?? false);
      holds.set(path, held);
      return held;
    };
    const nodes = found.size ? this.searched.get(body)?.graph.nodes ?? [] : [];
    return new Set([...this.hits.flatMap((hit) => (hit.body === body ? [hit.node.id] : [])), ...nodes.filter(inside).map(({ id }) => id)]);
  }

  private add(body: string, graph: GraphFacts): void { this.searched.set(body, { graph, index: new SearchIndex(graph.nodes) }); }

  private async readInside({ nodes }: GraphFacts): Promise<void> {
    for (const { bodies = [] } of nodes) for (const { path } of bodies) {
      if (this.searched.has(path)) continue;
      const graph = await this.read(path).catch(() => undefined);
      if (!graph) continue;
      this.add(path, graph);
      await this.readInside(graph);
    }
  }
}
