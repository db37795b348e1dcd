import type { GraphFacts, GraphNodeFacts } from "../../src/protocol/api";
import { isDepthwise, isJoin, isPointwise, isTransformer, kindOf, type Kind } from "./kinds";
import { nodesIn, repeatsIn, Shapes } from "./structure";

/**
 * Blocks of a network, found from its structure and the names of its layers. All groups are runs of nodes in the order of the file, so no
 * path leaves a group and comes back. Where one tensor alone passes, a block ends; blocks under one name become a group, alike neighbours a row of blocks.
 * Where nothing has a name, blocks are called by what they are and numbered in the order of the graph; what is built alike becomes one, and very long lists are cut into parts.
 */

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
/** Of more members than these, neighbours are put into parts of about so many. */
const MOST_MEMBERS = 160, PART = 60;
/** The longest run of nodes that one join closes. */
const LONGEST_JOIN = 64;

export const isGroup = (member: Member): member is Group => typeof member !== "number";

/** The members of the whole graph, inputs first and outputs last. @param names what groups are called that nobody has named, before their numbers */
export function groupsOf(graph: GraphFacts, names: (kind: Kind) => string = (kind) => kind): Member[] {
  const border = (op: string): Member[] => graph.nodes.filter((node) => node.op === op).map(({ id }) => id);
  const members = new Grouping(graph).members();
  numberAll(members, names);
  return [...border("input"), ...members, ...border("output")];
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

/** Gives titles to what has none: its kind and a number, in the order of the graph; inside one of its own kind "2.1". */
function numberAll(members: readonly Member[], names: (kind: Kind) => string, next: (kind: Kind) => string = counter("")): void {
  for (const member of members) {
    if (!isGroup(member)) continue;
    const { kind, of, title } = member, number = title || kind === "row" ? "" : next(kind), own = number ? counter(`${number}.`) : undefined;
    if (number) member.title = `${names(kind)} ${number}`;
    numberAll(member.members, names, own ? (inner) => (inner === kind ? own(inner) : next(inner)) : next);
    if (!title && kind === "row") member.title = rowTitle(member.members.filter(isGroup).map((block) => block.title), names(of));
  }
}

function counter(before: string): (kind: Kind) => string {
  const counts = new Map<Kind, number>();
  return (kind) => { const count = (counts.get(kind) ?? 0) + 1; counts.set(kind, count); return `${before}${count}`; };
}

/** "layers.0–1", from the first and the last of a row. */
function rowTitle(titles: readonly string[], otherwise: string): string {
  if (!titles.length) return otherwise;
  const [first, last] = [titles[0], titles[titles.length - 1]], from = numbered(first), to = numbered(last);
  return from && from.stem === to?.stem ? `${first}–${to.number}` : first === last ? first : `${first} – ${last}`;
}

/** Stretches of nodes between the places where one tensor alone passes. */
function stretches(inner: readonly number[], incoming: ReadonlyMap<number, GraphFacts["edges"]>, isOneInput: boolean): number[][] {
  const place = new Map(inner.map((id, i) => [id, i]));
  const lives = new Map<string, { from: number; to: number }>();
  for (const id of inner) for (const { from, to, tensor } of incoming.get(id) ?? []) {
    const end = place.get(to), start = place.get(from) ?? (isOneInput ? -1 : undefined);
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

type Dims = readonly (number | string)[] | undefined;
const channelsOf = (shape: Dims): number => { const value = !shape ? 0 : shape.length > 3 ? shape[1] : shape[shape.length - 1]; return typeof value === "number" ? value : 0; };
function strideOf(before: Dims, after: Dims): number {
  const [a, b] = [before?.[2], after?.[2]];
  return before?.length === 4 && after?.length === 4 && typeof a === "number" && typeof b === "number" && b > 0 && a > b ? Math.round(a / b) : 1;
}

const scopes = new WeakMap<GraphNodeFacts, string[]>();
/** The dotted name that a node's own label is in: layers, 3 for "layers.3.c1". */
function scopeOf(node: GraphNodeFacts): string[] {
  let scope = scopes.get(node);
  if (!scope) scopes.set(node, scope = node.label.split(/[./]/).slice(0, -1));
  return scope;
}

/** What the names of all layers have in common; other nodes count where there are no layers. */
function commonScope(nodes: readonly GraphNodeFacts[]): string[] {
  const isLayer = ({ layer }: GraphNodeFacts): boolean => layer !== undefined, counts = nodes.some(isLayer) ? isLayer : () => true;
  let common: string[] | undefined;
  for (const node of nodes) {
    if (!counts(node)) continue;
    const scope = scopeOf(node), known = common ??= scope, differs = known.findIndex((part, i) => scope[i] !== part);
    if (differs >= 0) common = known.slice(0, differs);
    if (!common.length) break;
  }
  return common ?? [];
}

/** "layers.3" is number 3 of "layers.". */
function numbered(title: string): { stem: string; number: string } | undefined {
  const found = /^(.*?)(\d+)$/.exec(title);
  return found ? { stem: found[1], number: found[2] } : undefined;
}

class Grouping {
  private readonly shapes: Shapes;
  private readonly incoming = new Map<number, GraphFacts["edges"]>();
  private readonly scopes = new WeakMap<Group, string[]>();
  /** The last node that reads what each makes, those far behind left aside. */
  private readonly lastReader: Int32Array;

  constructor(private readonly graph: GraphFacts) {
    for (const edge of graph.edges) {
      const known = this.incoming.get(edge.to);
      if (known) known.push(edge);
      else this.incoming.set(edge.to, [edge]);
    }
    this.lastReader = new Int32Array(graph.nodes.length);
    for (const { from, to } of graph.edges) if (to - from <= LONG) this.lastReader[from] = Math.max(this.lastReader[from], to);
    this.shapes = new Shapes(graph, this.incoming);
  }

  members(): Member[] {
    const { nodes } = this.graph, inner = nodes.filter(({ op }) => op !== "input" && op !== "output").map(({ id }) => id);
    // a long stretch that has no names is divided where its ways meet
    const within = (ids: number[]): Member[] => (this.isBlock(ids) ? [this.block(ids)] : ids.length > LONG && !ids.some((id) => this.numberedScope(id, 0)) ? this.joined(ids) : ids);
    const found = stretches(inner, this.incoming, nodes.filter(({ op }) => op === "input").length === 1).flatMap(within);
    return this.inParts(this.rows(this.byName(this.depthwise(this.transformers(found)), 0)));
  }

  private isBlock(ids: readonly number[]): boolean { return ids.length > 1 && ids.length <= LONG && ids.some((id) => this.graph.nodes[id].layer !== undefined); }

  /** Puts what a join closes into blocks: runs of nodes that read one tensor from outside, and of which the join alone is read there. @param isAll whether a block may take all of `ids` */
  private joined(ids: readonly number[], isAll = true): Member[] {
    const found: Member[] = [];
    for (let end = ids.length - 1; end >= 0; end--) {
      const start = this.opening(ids, end), run = start === undefined ? [] : ids.slice(start, end + 1);
      if (start === undefined || (!isAll && run.length === ids.length) || !run.some((id) => this.graph.nodes[id].layer !== undefined)) { found.push(ids[end]); continue; }
      // a skip over several blocks is none itself
      const inside = run.length > LONG ? this.joined(run, false) : [];
      found.push(...(inside.filter(isGroup).length > 1 ? inside.reverse() : [this.block(run)]));
      end = start;
    }
    return found.reverse();
  }

  /** Where the shortest run begins that the join at a place closes. */
  private opening(ids: readonly number[], end: number): number | undefined {
    const last = ids[end];
    if (!isJoin(this.graph.nodes[last]) || new Set(this.incoming.get(last)?.map(({ from }) => from)).size < 2) return undefined;
    const outside = new Map<number, Set<string>>();
    for (let at = end; at >= 0 && end - at < LONGEST_JOIN; at--) {
      if (at < end && this.lastReader[ids[at]] > last) return undefined;
      outside.delete(ids[at]);
      for (const { from, tensor } of this.incoming.get(ids[at]) ?? []) outside.set(from, (outside.get(from) ?? new Set()).add(tensor));
      if (at < end && outside.size === 1 && [...outside.values()][0].size === 1) return at;
    }
    return undefined;
  }

  /** Puts attention and the feed-forward layers behind it into one. */
  private transformers(members: readonly Member[]): Member[] {
    const found: Member[] = [];
    for (const member of members) {
      const before = found[found.length - 1];
      if (isGroup(member) && before !== undefined && isGroup(before) && isTransformer(before.kind, member.kind) && !this.numberedScope(member, 0) && this.follows([before], [member])) found[found.length - 1] = this.group("", [...before.nodes, ...member.nodes], [before, member]);
      else found.push(member);
    }
    return found;
  }

  /** Puts depthwise convolutions that nobody has named into blocks with the pointwise ones around them, and gates between. */
  private depthwise(members: readonly Member[]): Member[] {
    const found: Member[] = [], { nodes } = this.graph;
    const is = (member: Member | undefined, what: (node: GraphNodeFacts) => boolean): boolean => member !== undefined && !isGroup(member) && what(nodes[member]);
    for (let i = 0; i < members.length;) {
      const wide = is(members[i], isPointwise) && is(members[i + 1], isDepthwise) ? 1 : 0, gate = members[i + wide + 1], gated = gate !== undefined && isGroup(gate) && gate.kind === "gate" ? 1 : 0;
      const unit = members.slice(i, i + wide + gated + 2);
      if (is(members[i + wide], isDepthwise) && is(unit[wide + gated + 1], isPointwise) && this.isChain(unit) && !unit.some((member) => this.numberedScope(member, 0))) {
        found.push({ ...this.group("", unit.flatMap(nodesIn), unit), kind: wide ? "bottleneck" : "separable", of: wide ? "bottleneck" : "separable" });
        i += unit.length;
      } else found.push(members[i++]);
    }
    return found;
  }

  /** Whether each member reads only the one before, and nobody else does. */
  private isChain(unit: readonly Member[]): boolean {
    const ids = unit.map(nodesIn);
    return ids.every((own, i) => i === 0 || (this.lastReader[ids[i - 1][ids[i - 1].length - 1]] <= own[own.length - 1] && own.every((id) => this.incoming.get(id)?.every(({ from }) => own.includes(from) || ids[i - 1].includes(from)))));
  }

  /** Cuts a very long list where few edges pass, so that its picture can be taken in. */
  private inParts(members: readonly Member[]): Member[] {
    if (members.length <= MOST_MEMBERS) return [...members];
    const place = new Map<number, number>(), change = new Int32Array(members.length + 1), parts: Member[] = [];
    members.forEach((member, i) => { for (const id of nodesIn(member)) place.set(id, i); });
    for (const [id, end] of place) for (const { from } of this.incoming.get(id) ?? []) { change[place.get(from) ?? end]++; change[end]--; }
    let sum = 0;
    const passing = change.map((by) => sum += by);
    for (let at = 0; at < members.length;) {
      let end = Math.min(members.length, at + PART);
      for (let cut = Math.min(members.length, at + PART * 3 / 2); cut >= at + PART / 2; cut--) if (members.length - at > PART && passing[cut - 1] < passing[end - 1]) end = cut;
      const inside = members.slice(at, end);
      parts.push({ ...this.group(`part ${parts.length + 1}`, inside.flatMap(nodesIn), inside), kind: "part", of: "part" });
      at = end;
    }
    return this.inParts(parts);
  }

  /** A stretch between two cuts, inside which names may show smaller blocks. */
  private block(ids: number[]): Group {
    const { length } = commonScope(this.nodes(ids)), parts = this.joined(ids, false), isAttention = kindOf(this.nodes(ids), ids, true) === "attention";
    const members = this.rows(this.byName(isAttention ? parts.flatMap((part) => (isGroup(part) && part.kind === "attention" ? part.members : [part])) : parts, length));
    return this.group("", ids, members.length > 1 ? members : ids);
  }

  private group(title: string, ids: number[], members: readonly Member[]): Group {
    const inside = new Set(ids), all = this.nodes(ids), last = all[all.length - 1];
    // a layer that several nodes use counts once, and so does what is inside nodes
    const bytes = new Map(all.flatMap(({ layer, held, bytes }) => (layer !== undefined ? [[layer, bytes] as const] : held ? [[held.join(), bytes] as const] : []))), layers = new Set(all.flatMap(({ layer, held = [] }) => layer ?? held));
    const enters = (id: number) => this.incoming.get(id)?.find(({ from }) => !inside.has(from)), before = ids.map(enters).find(Boolean)?.shape, kind = kindOf(all, members, enters(last.id) !== undefined);
    return {
      key: `${ids[0]}-${last.id}`, title: title || commonScope(all).join("."), kind, of: kind, count: 1, members: [...members], nodes: ids, layers: [...layers],
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
    const scope = this.scopeOf(member), end = scope.findIndex((part, i) => i >= depth && /\d$/.test(part));
    return end < 0 ? undefined : scope.slice(0, end + 1).join(".");
  }

  /** What the names in a member have in common, worked out once. */
  private scopeOf(member: Member): string[] {
    if (!isGroup(member)) return scopeOf(this.graph.nodes[member]);
    let scope = this.scopes.get(member);
    if (!scope) this.scopes.set(member, scope = commonScope(this.nodes(member.nodes)));
    return scope;
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
      for (let next = members[i + row.length]; isGroup(first) && next !== undefined && isGroup(next) && this.areAlike(first, next) && this.follows([row[row.length - 1]], [next]); next = members[i + row.length]) row.push(next);
      i += row.length;
      if (!isGroup(first) || row.length === 1) { found.push(first); continue; }
      found.push(this.row(row, first.kind));
    }
    return this.repeats(found);
  }

  private row(members: readonly Member[], of: Kind): Group {
    const title = members.some((member) => isGroup(member) && !member.title) ? "" : rowTitle(members.map((member) => (isGroup(member) ? member.title : this.graph.nodes[member].label)), "");
    return { ...this.group(title, members.flatMap(nodesIn), members), kind: "row", of, count: members.length };
  }

  /** Puts what stands several times one after the other and has no names into blocks, and these into rows. */
  private repeats(members: readonly Member[]): Member[] {
    if (members.length < 4) return [...members];
    const isNamed = (member: Member): boolean => this.numberedScope(member, 0) !== undefined || (isGroup(member) && member.kind === "row");
    const found = repeatsIn(members.map((member, i) => (isNamed(member) ? -1 - i : this.shapes.of(member)))), all: Member[] = [];
    let at = 0;
    for (const { start, length, count } of found) {
      const units = Array.from({ length: count }, (_, i) => members.slice(start + i * length, start + (i + 1) * length)), shape = this.shapes.inside(units[0]);
      const hasLayer = units[0].some((member) => isGroup(member) || this.graph.nodes[member].layer !== undefined), follow = units.every((unit, i) => i === 0 || this.follows(units[i - 1], unit));
      if (!hasLayer || !follow || !units.every((unit) => this.shapes.inside(unit) === shape) || (length === 1 && isGroup(units[0][0]))) continue;
      const blocks = length === 1 ? units.flat() : units.map((unit) => this.group("", unit.flatMap(nodesIn), unit));
      all.push(...members.slice(at, start), this.row(blocks, length === 1 ? "layer" : "block"));
      at = start + length * count;
    }
    return [...all, ...members.slice(at)];
  }

  /** Of one kind, as many channels, and names that differ by their number alone (channels of branches grow while they are put beside each other); where nobody has named them, built alike. */
  private areAlike(a: Group, b: Group): boolean {
    if (a.kind === "row" || a.kind !== b.kind || (a.channels !== b.channels && a.kind !== "branches")) return false;
    if (!a.title && !b.title) return this.shapes.of(a, true) === this.shapes.of(b, true);
    const [x, y] = [numbered(a.title), numbered(b.title)];
    return x !== undefined && x.stem === y?.stem;
  }

  /** Whether something leads from one member to the next: rows go on, they do not stand side by side. */
  private follows(before: readonly Member[], next: readonly Member[]): boolean {
    const ids = new Set(before.flatMap(nodesIn));
    return next.flatMap(nodesIn).some((id) => this.incoming.get(id)?.some(({ from }) => ids.has(from)));
  }

  private nodes(ids: readonly number[]): GraphNodeFacts[] { return ids.map((id) => this.graph.nodes[id]); }
}

