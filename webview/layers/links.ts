import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";
import * as format from "../format";
import type { Link, Links } from "./details";

const MOST_LINKS = 6;

/** What lies before and behind some nodes of a graph. */
export function linksOf({ nodes, edges }: GraphFacts, ids: readonly number[]): Links {
  const inside = new Set(ids), link = (node: GraphNodeFacts, shape: (number | string)[] | undefined): Link => ({ key: String(node.id), text: node.label, shape: shape ? format.caption(shape) : "" });
  const once = (links: Link[]): Link[] => [...new Map(links.map((one) => [one.key, one])).values()].slice(0, MOST_LINKS);
  return {
    from: once(edges.filter(({ from, to }) => inside.has(to) && !inside.has(from)).map(({ from, shape }) => link(nodes[from], shape))),
    to: once(edges.filter(({ from, to }) => inside.has(from) && !inside.has(to)).map(({ to, shape }) => link(nodes[to], shape))),
  };
}
