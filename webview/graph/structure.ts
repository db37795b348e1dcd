import type { GraphFacts } from "../../src/protocol/api";
import { isGroup, type Group, type Member } from "./groups";

/** What stands several times in a network, told by operators, sizes and edges alone, whatever it is called. */

/** Units of so many members are looked for. */
const LONGEST_UNIT = 32;
/** What is folded: many of one kind, or fewer where that saves more. */
const OFTEN = 3, MUCH = 8, MANY_NODES = 6;

/** The same number for whatever is built alike. */
export class Shapes {
  private readonly numbers = new Map<string, number>();
  private readonly known = [new WeakMap<Group, number>(), new WeakMap<Group, number>()] as const;
  private readonly ofNode: readonly [(number | undefined)[], (number | undefined)[]] = [[], []];

  constructor(private readonly graph: GraphFacts, private readonly incoming: ReadonlyMap<number, GraphFacts["edges"]>) {}

  /** @param anyWidth neither numbers of channels count nor normalizations behind, which the last of a row may have for all of them */
  of(member: Member, anyWidth = false): number {
    if (!isGroup(member)) {
      const { op, caption, fused } = this.graph.nodes[member], known = this.ofNode[anyWidth ? 1 : 0];
      return known[member] ??= this.number(anyWidth ? `${op}|${caption.replace(/\d+→\d+/, "→")}|${fused.filter((name) => !name.endsWith("Normalization")).join()}` : `${op}|${caption}|${fused.join()}`);
    }
    const known = this.known[anyWidth ? 1 : 0];
    let number = known.get(member);
    if (number === undefined) known.set(member, number = this.number(`${member.kind}(${this.inside(member.members, anyWidth)})`));
    return number;
  }

  /** Members and the edges between them. */
  inside(members: readonly Member[], anyWidth = false): string {
    const place = new Map<number, number>();
    members.forEach((member, i) => { for (const id of nodesIn(member)) place.set(id, i); });
    const edges = new Set<string>();
    for (const [id, to] of place) for (const { from } of this.incoming.get(id) ?? []) {
      const start = place.get(from) ?? -1; // whatever comes from outside is one thing
      if (start !== to) edges.add(`${start}>${to}`);
    }
    return `${members.map((member) => this.of(member, anyWidth)).join()};${[...edges].sort().join()}`;
  }

  private number(words: string): number {
    let number = this.numbers.get(words);
    if (number === undefined) this.numbers.set(words, number = this.numbers.size);
    return number;
  }
}

export const nodesIn = (member: Member): number[] => (isGroup(member) ? member.nodes : [member]);

export interface Repeat { start: number; /** Members of one unit. */ length: number; count: number }

/** Runs of alike units in a list, given the shapes of its members: from left to right what covers most, of shortest units. */
export function repeatsIn(shapes: readonly number[]): Repeat[] {
  const n = shapes.length, longest = Math.min(LONGEST_UNIT, n >> 1), found: Repeat[] = [];
  // how many members from here on equal the one `length` further on
  const same = Array.from({ length: longest }, (_, i) => {
    const length = i + 1, run = new Int32Array(n + 1);
    for (let at = n - length - 1; at >= 0; at--) run[at] = shapes[at] === shapes[at + length] ? run[at + 1] + 1 : 0;
    return run;
  });
  for (let at = 0; at < n;) {
    let best: Repeat | undefined;
    same.forEach((run, i) => {
      const length = i + 1, count = Math.floor(run[at] / length) + 1, isEnough = length === 1 ? count >= MANY_NODES : count >= OFTEN || (count === 2 && length * count >= MUCH);
      if (isEnough && (!best || length * count > best.length * best.count)) best = { start: at, length, count };
    });
    if (best) found.push(best);
    at += best ? best.length * best.count : 1;
  }
  return found;
}
