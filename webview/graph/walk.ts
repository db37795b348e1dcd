import type { GraphFacts } from "../../src/protocol/api";
import { itemsOf, type Item, type Scene } from "./scene";

/** Where the arrow keys lead: along edges from box to box, whatever frames are around them. */
export interface Ways { up: Map<string, Item[]>; down: Map<string, Item[]> }

export function waysOf(graph: GraphFacts, scene: Scene): Ways {
  const place = new Map<number, Item>(), up = new Map<string, Item[]>(), down = new Map<string, Item[]>();
  for (const item of itemsOf(scene)) if (!item.inside) for (const id of item.group?.nodes ?? (item.node ? [item.node.id] : [])) place.set(id, item);
  const add = (ways: Map<string, Item[]>, from: Item, to: Item): void => {
    const known = ways.get(from.key);
    if (!known) ways.set(from.key, [to]);
    else if (!known.includes(to)) known.push(to);
  };
  for (const { from, to } of graph.edges) {
    const [a, b] = [place.get(from), place.get(to)];
    if (!a || !b || a === b) continue;
    add(down, a, b);
    add(up, b, a);
  }
  return { up, down };
}
