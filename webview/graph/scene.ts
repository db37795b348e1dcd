import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";
import { isGroup, type Group, type Member } from "./groups";
import type { BoxInput, FrameInput, FramePicture } from "./nested";

/** What of a graph is to be seen while some of its groups are unfolded, before and after layout. */

export const NODE_WIDTH = 264, NODE_HEIGHT = 40, PILL_HEIGHT = 20, STRIP_HEIGHT = 18;
const PILL_WIDTH = 112, BORDER_WIDTH = 152;
/** How far each of the sheets behind a folded group stands out. */
export const SHEET = 3;

export interface Item {
  /** Id of the node or key of the group. */
  key: string;
  /** Its name without what the frame around it says already. */
  title: string;
  node?: GraphNodeFacts;
  group?: Group;
  /** A group is drawn as a frame around its members when it is unfolded; a row simply gives way to its blocks. */
  inside?: Scene;
  /** The unfolded row that it is a block of. */
  row?: Group;
  parent?: Item;
  level: number;
}

export interface Line { from: number; to: number; shape?: (number | string)[]; /** Places of the edges that it stands for. */ edges: number[] }
/** The items of one frame, and the lines between them; their entry and exit stand after the items. */
export interface Scene { items: Item[]; lines: Line[]; input: FrameInput }

export const keyOf = (member: Member): string => (isGroup(member) ? member.key : String(member));
/** The layer of a node, or those in the graphs inside it. */
export const layersOf = ({ layer, held = [] }: GraphNodeFacts): string[] => (layer === undefined ? held : [layer]);
export const isPill = ({ node }: Item): boolean => node !== undefined && layersOf(node).length === 0;
/** Sheets behind a folded group: one for a block, two for a row. */
export const sheetsOf = ({ group }: Item): number => (!group ? 0 : group.count > 1 ? 2 : 1);
export const isBorder = ({ node }: Item): boolean => node?.op === "input" || node?.op === "output";

/** The scene of a graph with the groups `open` unfolded. */
export function sceneOf(graph: GraphFacts, members: readonly Member[], open: ReadonlySet<string>): Scene {
  const place = new Map<number, Item>(), scene = frameOf(graph, members, open, "", undefined, place);
  connect(graph, scene, place);
  measure(scene);
  return scene;
}

function frameOf(graph: GraphFacts, members: readonly Member[], open: ReadonlySet<string>, scope: string, parent: Item | undefined, place: Map<number, Item>): Scene {
  const items: Item[] = [], level = parent ? parent.level + 1 : 1;
  const add = (member: Member, row: Group | undefined): void => {
    if (isGroup(member) && open.has(member.key) && member.kind === "row") { for (const block of member.members) add(block, member); return; }
    const label = isGroup(member) ? member.title : graph.nodes[member].label;
    const item: Item = { key: keyOf(member), title: within(label, scope), row, parent, level };
    items.push(item);
    if (isGroup(member)) {
      item.group = member;
      if (open.has(member.key)) item.inside = frameOf(graph, member.members, open, member.title, item, place);
      else for (const id of member.nodes) place.set(id, item);
    } else {
      item.node = graph.nodes[member];
      place.set(member, item);
    }
  };
  for (const member of members) add(member, undefined);
  return { items, lines: [], input: { boxes: [], from: [], to: [] } };
}

/** A name without the parts that it has in common with the frame's. */
function within(label: string, scope: string): string {
  const parts = label.split("."), around = scope.split(".");
  let same = 0;
  while (same < parts.length - 1 && parts[same] === around[same]) same++;
  return parts.slice(same).join(".");
}

/** Draws every edge in the frame that holds both its ends, and on from the frame's entry to the end inside, from the start inside to its exit. */
function connect(graph: GraphFacts, scene: Scene, place: ReadonlyMap<number, Item>): void {
  const known = new Map<string, Line>(), index = new Map<Item, number>();
  const number = ({ items }: Scene): void => items.forEach((item, i) => { index.set(item, i); if (item.inside) number(item.inside); });
  number(scene);
  const line = (frame: Item | undefined, from: number, to: number, shape: Line["shape"], edge: number): void => {
    const key = `${frame?.key ?? ""}:${from}>${to}`, same = known.get(key);
    if (same) { same.edges.push(edge); return; }
    const made = { from, to, shape, edges: [edge] };
    known.set(key, made);
    (frame?.inside ?? scene).lines.push(made);
  };
  for (const [edge, { from, to, shape }] of graph.edges.entries()) {
    const start = pathOf(place.get(from)), end = pathOf(place.get(to));
    let common = 0;
    while (common < start.length && start[common] === end[common]) common++;
    if (common === start.length || common === end.length) continue; // both ends are in one box
    line(start[common - 1], index.get(start[common])!, index.get(end[common])!, shape, edge);
    for (let i = common; i < start.length - 1; i++) line(start[i], index.get(start[i + 1])!, EXIT, shape, edge);
    for (let i = common; i < end.length - 1; i++) line(end[i], ENTRY, index.get(end[i + 1])!, shape, edge);
  }
}

const ENTRY = -1, EXIT = -2;

/** From the outermost frame to the item itself. */
function pathOf(item: Item | undefined): Item[] {
  const path: Item[] = [];
  for (let at = item; at; at = at.parent) path.unshift(at);
  return path;
}

/** Sizes for the layout. A frame has an entry where something comes in, an exit only where several ways lead out. */
function measure(scene: Scene): void {
  const { items, lines, input } = scene;
  input.boxes = items.map((item) => { if (item.inside) measure(item.inside); return boxOf(item); });
  const leaving = lines.filter(({ to }) => to === EXIT), port = { width: 0, height: 0 };
  if (lines.some(({ from }) => from === ENTRY)) input.entry = input.boxes.push(port) - 1;
  if (leaving.length > 1) input.exit = input.boxes.push(port) - 1;
  else input.leaves = leaving[0]?.from;
  scene.lines = lines.flatMap(({ from, to, shape, edges }) => {
    const start = from === ENTRY ? input.entry : from, end = to === EXIT ? input.exit : to;
    return start === undefined || end === undefined ? [] : [{ from: start, to: end, shape, edges }];
  });
  input.from = scene.lines.map(({ from }) => from);
  input.to = scene.lines.map(({ to }) => to);
}

function boxOf(item: Item): BoxInput {
  const { node, inside } = item;
  if (inside) return { width: 0, height: 0, inside: inside.input };
  const strip = node?.fused.length ? STRIP_HEIGHT : 0;
  if (!isPill(item)) return { width: NODE_WIDTH, height: NODE_HEIGHT + strip + SHEET * sheetsOf(item) };
  return isBorder(item) ? { width: BORDER_WIDTH, height: PILL_HEIGHT + strip } : { width: Math.max(PILL_WIDTH, 32 + 7 * Math.max(node!.op.length, node!.fused.join(" · ").length)), height: PILL_HEIGHT + strip, side: PILL_HEIGHT / 2 };
}

export interface Placed { item: Item; left: number; top: number; width: number; height: number }
export interface Drawn {
  /** Frames before what is inside them. */
  items: Placed[];
  lines: { points: Float64Array; /** Where it begins and ends. */ top: number; bottom: number; edges: number[]; shape?: (number | string)[]; /** Whether it is the only one that comes to its end from above. */ alone: boolean; skip: boolean; /** Whether it ends inside a frame's head, not in a box. */ arrow: boolean }[];
  byKey: Map<string, Placed>;
  width: number;
  height: number;
  /** The line that the main path is on. */
  axis: number;
}

/** Joins a scene with the places that its layout found. */
export function placed(scene: Scene, picture: FramePicture): Drawn {
  const drawn: Drawn = { items: [], lines: [], byKey: new Map(), width: picture.size[0], height: picture.size[1], axis: picture.ports[0] };
  const add = ({ items, lines, input }: Scene, at: FramePicture): void => {
    const into = new Map<number, number>();
    const fromAbove = (i: number): boolean => { const points = at.edges[i]; return points[points.length - 2] === points[points.length - 4]; };
    lines.forEach(({ to }, i) => { if (fromAbove(i)) into.set(to, (into.get(to) ?? 0) + 1); });
    lines.forEach(({ from, to, shape, edges }, i) => drawn.lines.push({ points: at.edges[i], top: at.edges[i][1], bottom: Math.max(at.edges[i][at.edges[i].length - 1], at.edges[i][at.edges[i].length - 3]), edges, shape: from === input.entry || [items[from], items[to]].some((item) => item && isBorder(item)) ? undefined : shape, alone: fromAbove(i) && into.get(to) === 1, skip: from === input.entry && items[to]?.node !== undefined && isPill(items[to]), arrow: to !== input.exit }));
    items.forEach((item, i) => {
      const box: Placed = { item, left: at.left[i], top: at.top[i], width: at.width[i], height: at.height[i] };
      drawn.items.push(box);
      drawn.byKey.set(item.key, box);
      const inner = at.insides[i];
      if (item.inside && inner) add(item.inside, inner);
    });
  };
  add(scene, picture);
  return drawn;
}

/** All items, frames before what is inside them: the order of reading. */
export const itemsOf = ({ items }: Scene): Item[] => items.flatMap((item) => [item, ...(item.inside ? itemsOf(item.inside) : [])]);

/** Keys of the groups that have to be unfolded for a node to be seen. */
export function pathTo(members: readonly Member[], node: number): string[] {
  for (const member of members) if (isGroup(member) && member.nodes.includes(node)) return [member.key, ...pathTo(member.members, node)];
  return [];
}
