import type { Part } from "./parts";

/** How much two nodes must have in common: their sizes too, all but numbers of channels, or no more than what they do. */
export type Strictness = "exact" | "loose" | "op";

/** More users of one value than this are not told apart. */
const MOST_READERS = 256;
/** Nodes that are alike in every way are told apart by their weights, if they are no more than this. */
const MOST_TWINS = 64;
/** Nodes around one that its surroundings reach over. */
const RADIUS = 4;

/**
 * Parts of two graphs, and which stand for each other. Nothing is decided where two answers are as good as each other: such parts are contested,
 * and stay unmatched until something beside structure speaks for one.
 */
export class Structure {
  /** The part of the other graph, or -1. */
  readonly toAfter: Int32Array;
  readonly toBefore: Int32Array;
  /** Parts of `before` that could be several of `after`. */
  readonly contested = new Map<number, Set<number>>();
  private readonly words = new Map<string, number>();

  constructor(readonly before: readonly Part[], readonly after: readonly Part[]) {
    this.toAfter = new Int32Array(before.length).fill(-1);
    this.toBefore = new Int32Array(after.length).fill(-1);
    this.borders();
  }

  /** Inputs are inputs and outputs are outputs, in their order. */
  private borders(): void {
    const known = new Map(this.after.flatMap((part, b) => (part.node || part.op === "outside" ? [] : [[part.exact, b] as const])));
    for (const [a, { node, exact }] of this.before.entries()) {
      const b = node ? undefined : known.get(exact);
      if (b !== undefined) this.pair(a, b);
    }
  }

  pair(a: number, b: number): void {
    this.toAfter[a] = b;
    this.toBefore[b] = a;
    this.contested.delete(a);
  }

  isFree(a: number, b: number): boolean { return this.toAfter[a] < 0 && this.toBefore[b] < 0; }

  /** Nodes that have a partner, or more than one that it could be, as a share of those of the smaller and of the larger graph. */
  get shares(): [ofSmaller: number, ofLarger: number] {
    const isNode = ({ node }: Part): boolean => node !== undefined, sizes = [this.before, this.after].map((parts) => parts.filter(isNode).length);
    const some = this.before.filter((part, a) => isNode(part) && (this.toAfter[a] >= 0 || this.contested.has(a))).length;
    return [some / Math.max(1, Math.min(...sizes)), some / Math.max(1, ...sizes)];
  }

  get count(): number { return this.toAfter.reduce((sum, b) => sum + Number(b >= 0), 0); }

  /** The partners of some. */
  forgetWhere(wrong: (part: Part, a: number) => boolean): void {
    for (const [a, part] of this.before.entries()) if (this.toAfter[a] >= 0 && part.node && wrong(part, a)) {
      this.toBefore[this.toAfter[a]] = -1;
      this.toAfter[a] = -1;
    }
  }

  /** All that was found. */
  forget(): void {
    this.toAfter.fill(-1);
    this.toBefore.fill(-1);
    this.contested.clear();
    this.borders();
  }

  /** Pairs what has the same way from the inputs and the same way to the outputs, as nothing else in either graph has. */
  byAllAround(strictness: Strictness): void {
    const keys = [this.before, this.after].map((parts) => {
      const down = this.hashes(parts, strictness, "down"), up = this.hashes(parts, strictness, "up");
      return Array.from(down, (hash, i) => this.word(`${hash} ${up[i]}`));
    });
    this.byKeys(keys[0], keys[1], true);
  }

  /** Pairs what has the same neighbours a few nodes around it (Weisfeiler and Lehman's refinement), as nothing else has. */
  byNeighbours(): void {
    let keys = [this.before, this.after].map((parts) => parts.map(({ exact }) => this.word(exact)));
    for (let round = 0; round < RADIUS; round++) {
      keys = [this.before, this.after].map((parts, side) => parts.map((part, i) => {
        const own = keys[side], into = part.from.map((p) => own[p]), out = part.to.map(({ part: p, slot }) => `${own[p]}.${slot}`).sort();
        if (part.commutes) into.sort((x, y) => x - y);
        return this.word(`${own[i]}|${into.join()}|${out.join()}`);
      }));
    }
    // what stands at the end of a row of like blocks looks the same where one was put behind it
    const counts = [this.before, this.after].map((parts, side) => {
      const free = new Map<string, number>();
      parts.forEach(({ exact }, i) => { if ((side ? this.toBefore : this.toAfter)[i] < 0) free.set(exact, (free.get(exact) ?? 0) + 1); });
      return free;
    });
    this.byKeys(keys[0], keys[1], false, (a, b) => !this.contested.has(a) && counts[0].get(this.before[a].exact) === counts[1].get(this.after[b].exact));
  }

  /** Follows edges from what has a partner, with the stream and against it. Where both ways lead to different partners, neither is taken. */
  sweep(strictness: Strictness): void {
    this.joins(strictness);
    const down = new Int32Array(this.before.length).fill(-1), up = new Int32Array(this.before.length).fill(-1), surely = new Uint8Array(this.before.length);
    for (let a = 0; a < this.before.length; a++) {
      const { partner, certain } = this.behind(a, down, strictness);
      down[a] = partner;
      surely[a] = Number(certain);
    }
    for (let a = this.before.length - 1; a >= 0; a--) up[a] = this.ahead(a, up, strictness);
    const claims = new Map<number, Set<number>>(), claim = (b: number, a: number): void => { if (b >= 0) claims.set(b, (claims.get(b) ?? new Set()).add(a)); };
    // what follows from all its inputs is decided by them where it has no weights of its own
    for (let a = 0; a < this.before.length; a++) if (surely[a] && !this.before[a].layer) up[a] = down[a];
    down.forEach(claim);
    up.forEach(claim);
    for (let a = 0; a < this.before.length; a++) {
      if (this.toAfter[a] >= 0) continue;
      const found = new Set([down[a], up[a]].filter((b) => b >= 0 && this.toBefore[b] < 0)), [b] = found;
      if (!found.size) continue;
      if (found.size === 1 && claims.get(b)?.size === 1 && (!this.contested.has(a) || !this.before[a].layer || down[a] === up[a])) this.pair(a, b);
      else this.contest(a, found);
    }
  }

  /** Pairs sums with sums where something comes to them alone in both graphs: what else they add does not matter. */
  private joins(strictness: Strictness): void {
    for (const [a, part] of this.before.entries()) {
      if (this.toAfter[a] >= 0 || !part.commutes || part.from.length < 2) continue;
      const own = part.from.filter((p) => this.before[p].to.length === 1 && this.toAfter[p] >= 0).map((p) => this.after[this.toAfter[p]].to);
      const found = this.only(own.map((readers) => (readers.length === 1 && this.fits(part, readers[0].part, strictness) ? readers[0].part : -1)));
      if (found >= 0) this.pair(a, found);
    }
  }

  /** Pairs one part that has changed between two neighbours that have not. */
  between(): void {
    for (let a = 0; a < this.before.length; a++) {
      if (this.toAfter[a] >= 0 || !this.before[a].node) continue;
      const none = new Int32Array(0), down = this.behind(a, none, "op").partner, up = this.ahead(a, none, "op");
      if (down >= 0 && down === up) this.pair(a, down);
    }
  }

  private contest(a: number, found: Iterable<number>): void {
    const known = this.contested.get(a) ?? new Set<number>();
    for (const b of found) known.add(b);
    this.contested.set(a, known);
  }

  private byKeys(before: readonly number[], after: readonly number[], contests: boolean, counts: (a: number, b: number) => boolean = () => true): void {
    const places = new Map<number, { a: number[]; b: number[] }>(), at = (key: number) => { let place = places.get(key); if (!place) places.set(key, place = { a: [], b: [] }); return place; };
    before.forEach((key, a) => { if (this.toAfter[a] < 0) at(key).a.push(a); });
    after.forEach((key, b) => { if (this.toBefore[b] < 0) at(key).b.push(b); });
    for (const { a, b } of places.values()) {
      if (a.length === 1 && b.length === 1) { if (counts(a[0], b[0])) this.pair(a[0], b[0]); }
      else if (contests && a.length && a.length === b.length && a.length <= MOST_TWINS) for (const one of a) this.contest(one, b); // alike in every way
    }
  }

  /** Of every part's whole ancestry, or of all that comes of it. */
  private hashes(parts: readonly Part[], strictness: Strictness, way: "down" | "up"): Int32Array {
    const found = new Int32Array(parts.length), order = way === "down" ? parts.keys() : Array.from(parts.keys()).reverse();
    for (const i of order) {
      const part = parts[i], around = way === "down" ? part.from.map((p, slot) => `${found[p]}.${part.commutes ? 0 : slot}`) : part.to.map(({ part: p, slot }) => `${found[p]}.${slot}`);
      if (way === "up" || part.commutes) around.sort();
      found[i] = this.word(`${part[strictness]}|${around.join()}`);
    }
    return found;
  }

  private word(text: string): number {
    let word = this.words.get(text);
    if (word === undefined) this.words.set(text, word = this.words.size);
    return word;
  }

  private partnerOf(a: number, assumed: Int32Array): number { return this.toAfter[a] >= 0 ? this.toAfter[a] : assumed[a] ?? -1; }

  /** The one part that stands behind the partners of all that a part takes. @returns whether all of these have partners already, too */
  private behind(a: number, assumed: Int32Array, strictness: Strictness): { partner: number; certain: boolean } {
    const nothing = { partner: -1, certain: false }, part = this.before[a];
    if (this.toAfter[a] >= 0) return { partner: this.toAfter[a], certain: true };
    let partner = -1, certain = true;
    for (const [slot, p] of part.from.entries()) {
      const other = this.partnerOf(p, assumed);
      certain &&= this.toAfter[p] >= 0;
      if (other < 0) continue;
      const rivals = this.before[p].to.filter(({ part: q, slot: s }) => s === (part.commutes ? 0 : slot) && this.toAfter[q] < 0 && this.before[q][strictness] === part[strictness]);
      const found = this.only(this.after[other].to.length > MOST_READERS ? [] : this.after[other].to.filter(({ part: q, slot: s }) => s === (part.commutes ? 0 : slot) && this.fits(part, q, strictness)).map(({ part: q }) => q));
      if (found < 0 || rivals.some(({ part: q }) => q !== a) || (partner >= 0 && partner !== found)) return nothing;
      partner = found;
    }
    return partner < 0 ? nothing : { partner, certain };
  }

  /** The one part whose value is taken by the partners of all that take a part's. */
  private ahead(a: number, assumed: Int32Array, strictness: Strictness): number {
    if (this.toAfter[a] >= 0) return this.toAfter[a];
    const part = this.before[a];
    let partner = -1;
    if (part.to.length > MOST_READERS) return -1;
    for (const { part: q, slot } of part.to) {
      const other = this.partnerOf(q, assumed);
      if (other < 0) continue;
      const reader = this.after[other], { from } = this.before[q], isAny = this.before[q].commutes;
      if (!isAny && reader.from.length !== from.length) return -1;
      const rivals = isAny ? from.filter((p) => p !== a && this.toAfter[p] < 0 && this.before[p][strictness] === part[strictness]) : [];
      const found = this.only((isAny ? reader.from : reader.from.slice(slot, slot + 1)).filter((p) => this.fits(part, p, strictness)));
      if (found < 0 || rivals.length || (partner >= 0 && partner !== found)) return -1;
      partner = found;
    }
    return partner;
  }

  private fits(part: Part, b: number, strictness: Strictness): boolean { return this.toBefore[b] < 0 && this.after[b][strictness] === part[strictness]; }

  private only(found: readonly number[]): number { return found.length && found.every((b) => b === found[0]) ? found[0] : -1; }
}
