import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";

/**
 * Blocks of a network, found from its structure and the names of its layers. All groups are runs of nodes in the order of the file, so no
 * path leaves a group and comes back. Where one tensor alone passes, a block ends; blocks under one name become a group, alike neighbours a row of blocks.
 */

export type Kind = "residual" | "branches" | "gated" | "block" | "row";

export interface Group {
  /** The same for the same nodes of the same graph. */
  key: string;
  title: string;
  kind: Kind;
  /** Kind and number of the blocks of a row; a block is a row of one. */
  of: Kind;
  count: number;
  members: Member[];
  /** All nodes inside. */
  nodes: number[];
  /** Distinct layers inside. */
  layers: string[];
  bytes: number;
  /** Channels, or features, that come out; 0 where not known. */
  channels: number;
  /** By how much the picture becomes smaller, 1 where it does not. */
  stride: number;
}

/** A node's id or a group. */
export type Member = number | Group;

/** A stretch without cuts longer than this is divided by names, not drawn as one block. */
const LONG = 16;

export const isGroup = (member: Member): member is Group => typeof member !== "number";

/** The members of the whole graph, inputs first and outputs last. */
export function groupsOf(graph: GraphFacts): Member[] {
  const border = (op: string): Member[] => graph.nodes.filter((node) => node.op === op).map(({ id }) => id);
  return [...border("input"), ...new Grouping(graph).members(), ...border("output")];
}

/** The group of that key, however deep. */
export function findGroup(members: readonly Member[], key: string): Group | undefined {
  for (const member of members) {
    if (!isGroup(member)) continue;
    const found = member.key === key ? member : findGroup(member.members, key);
    if (found) return found;
  }
  return undefined;
}

/** Stretches of nodes between the places where one tensor alone passes. */
function stretches({ nodes, edges }: GraphFacts, inner: readonly number[]): number[][] {
  const place = new Map(inner.map((id, i) => [id, i])), inputs = nodes.filter(({ op }) => op === "input");
  const lives = new Map<string, { from: number; to: number }>();
  for (const { from, to, tensor } of edges) {
    const end = place.get(to), start = place.get(from) ?? (inputs.length === 1 ? -1 : undefined);
    if (end === undefined || start === undefined) continue;
    const known = lives.get(tensor);
    if (known) known.to = Math.max(known.to, end);
    else lives.set(tensor, { from: start, to: end });
  }
  const change = new Int32Array(inner.length + 1);
  for (const { from, to } of lives.values()) { change[Math.max(0, from)]++; change[to]--; }
  const found: number[][] = [];
  let current: number[] = [], alive = 0;
  inner.forEach((id, i) => {
    current.push(id);
    alive += change[i];
    if (alive <= 1) { found.push(current); current = []; }
  });
  return current.length ? [...found, current] : found;
}

function kindOf({ op, id }: GraphNodeFacts, members: readonly Member[]): Kind {
  if (members.length < 2 || members[members.length - 1] !== id) return "block";
  return op === "Add" || op === "Sum" ? "residual" : op === "Concat" ? "branches" : op === "Mul" ? "gated" : "block";
}

type Dims = readonly (number | string)[] | undefined;
const channelsOf = (shape: Dims): number => { const value = !shape ? 0 : shape.length > 3 ? shape[1] : shape[shape.length - 1]; return typeof value === "number" ? value : 0; };
function strideOf(before: Dims, after: Dims): number {
  const [a, b] = [before?.[2], after?.[2]];
  return before?.length === 4 && after?.length === 4 && typeof a === "number" && typeof b === "number" && b > 0 && a > b ? Math.round(a / b) : 1;
}

/** The dotted name that a node's own label is in: layers, 3 for "layers.3.c1". */
const scopeOf = ({ label }: GraphNodeFacts): string[] => label.split(/[./]/).slice(0, -1);

/** What the names of all layers have in common; other nodes count where there are no layers. */
function commonScope(nodes: readonly GraphNodeFacts[]): string[] {
  const layers = nodes.filter(({ layer }) => layer !== undefined), [first = [], ...rest] = (layers.length ? layers : nodes).map(scopeOf);
  const differs = first.findIndex((part, i) => rest.some((scope) => scope[i] !== part));
  return differs < 0 ? first : first.slice(0, differs);
}

/** "layers.3" is number 3 of "layers.". */
function numbered({ title }: Group): { stem: string; number: string } | undefined {
  const found = /^(.*?)(\d+)$/.exec(title);
  return found ? { stem: found[1], number: found[2] } : undefined;
}

class Grouping {
  private readonly incoming = new Map<number, GraphFacts["edges"]>();
  private unnamed = 0;

  constructor(private readonly graph: GraphFacts) {
    for (const edge of graph.edges) {
      const known = this.incoming.get(edge.to);
      if (known) known.push(edge);
      else this.incoming.set(edge.to, [edge]);
    }
  }

  members(): Member[] {
    const { nodes } = this.graph, inner = nodes.filter(({ op }) => op !== "input" && op !== "output").map(({ id }) => id);
    const isBlock = (ids: number[]): boolean => ids.length > 1 && ids.length <= LONG && ids.some((id) => nodes[id].layer !== undefined);
    return this.rows(this.byName(stretches(this.graph, inner).flatMap((ids): Member[] => (isBlock(ids) ? [this.block(ids)] : ids)), 0));
  }

  /** A stretch between two cuts, inside which names may show smaller blocks. */
  private block(ids: number[]): Group {
    const { length } = commonScope(this.nodes(ids)), members = this.rows(this.byName(ids, length));
    return this.group("", ids, members.length > 1 ? members : ids);
  }

  private group(title: string, ids: number[], members: Member[]): Group {
    const inside = new Set(ids), all = this.nodes(ids), last = all[all.length - 1], kind = kindOf(last, members);
    const bytes = new Map(all.flatMap(({ layer, bytes }) => (layer === undefined ? [] : [[layer, bytes] as const])));
    const before = ids.flatMap((id) => this.incoming.get(id) ?? []).find(({ from }) => !inside.has(from))?.shape;
    return {
      key: `${ids[0]}-${last.id}`, title: title || commonScope(all).join(".") || `block ${++this.unnamed}`, kind, of: kind, count: 1, members, nodes: ids, layers: [...bytes.keys()],
      bytes: [...bytes.values()].reduce((a, b) => a + b, 0), channels: channelsOf(last.shape), stride: strideOf(before, last.shape),
    };
  }

  /** Puts neighbours under one numbered name ("layer1", inside it "layer1.0") into a group of that name. */
  private byName(members: readonly Member[], depth: number): Member[] {
    const found: Member[] = [], names = members.map((member) => this.numberedScope(member, depth));
    for (let i = 0; i < members.length; i++) {
      const name = names[i];
      let end = i;
      if (name) for (let j = i + 1; j < members.length && (names[j] === name || this.isNameless(members[j])); j++) if (names[j] === name) end = j;
      const span = members.slice(i, end + 1), ids = span.flatMap(nodesIn);
      if (!name || span.length < 2 || this.nodes(ids).filter(({ layer }) => layer !== undefined).length < 2) {
        // alone under its numbered name, a block needs no longer one
        found.push(name && isGroup(span[0]) && span.length === 1 && span[0].title.startsWith(`${name}.`) ? { ...span[0], title: name } : members[i]);
        continue;
      }
      const inner = this.rows(this.byName(span, name.split(".").length).flatMap((member) => this.within(member, name)));
      found.push(inner.length === 1 && isGroup(inner[0]) ? { ...inner[0], title: name } : this.group(name, ids, inner));
      i = end;
    }
    return found;
  }

  /** The shortest scope of a member that ends in a number and is longer than `depth`. */
  private numberedScope(member: Member, depth: number): string | undefined {
    const scope = commonScope(this.nodes(nodesIn(member))), end = scope.findIndex((part, i) => i >= depth && /\d$/.test(part));
    return end < 0 ? undefined : scope.slice(0, end + 1).join(".");
  }

  private isNameless(member: Member): boolean { return !isGroup(member) && this.graph.nodes[member].layer === undefined && scopeOf(this.graph.nodes[member]).length === 0; }

  /** A block that would be called like the group around it: a residual one is called after its first and last layer, of others the members stand in the group. */
  private within(member: Member, around: string): Member[] {
    if (!isGroup(member) || member.title !== around) return [member];
    if (member.kind !== "residual") return member.members;
    const depth = around.split(".").length, parts = this.nodes(member.nodes).filter(({ layer }) => layer !== undefined).map(({ label }) => label.split(/[./]/)[depth] ?? label);
    const [first, last] = [parts[0], parts[parts.length - 1]];
    return [{ ...member, title: `${around}.${first === last ? first : `${first}–${last}`}` }];
  }

  /** Joins neighbours of one kind, as many channels and names that differ by their number alone into rows. */
  private rows(members: readonly Member[]): Member[] {
    const found: Member[] = [];
    for (let i = 0; i < members.length;) {
      const first = members[i], row = [first];
      for (let next = members[i + row.length]; isGroup(first) && next !== undefined && isGroup(next) && areAlike(first, next) && this.follows(row[row.length - 1], next); next = members[i + row.length]) row.push(next);
      i += row.length;
      if (!isGroup(first) || row.length === 1) { found.push(first); continue; }
      const blocks = row.filter(isGroup), from = numbered(first), to = numbered(blocks[blocks.length - 1]);
      found.push({ ...this.group(`${from?.stem ?? ""}${from?.number ?? ""}–${to?.number ?? ""}`, blocks.flatMap(nodesIn), blocks), kind: "row", of: first.kind, count: blocks.length });
    }
    return found;
  }

  /** Whether something leads from one member to the next: rows go on, they do not stand side by side. */
  private follows(before: Member, next: Member): boolean {
    const ids = new Set(nodesIn(before));
    return nodesIn(next).some((id) => this.incoming.get(id)?.some(({ from }) => ids.has(from)));
  }

  private nodes(ids: readonly number[]): GraphNodeFacts[] { return ids.map((id) => this.graph.nodes[id]); }
}

const nodesIn = (member: Member): number[] => (isGroup(member) ? member.nodes : [member]);

function areAlike(a: Group, b: Group): boolean {
  const [x, y] = [numbered(a), numbered(b)];
  return a.kind !== "row" && a.kind === b.kind && a.channels === b.channels && x !== undefined && y !== undefined && x.stem === y.stem;
}
