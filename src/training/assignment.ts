/** Steps between looks at who is better served by another word; twice as many after every trial that was in vain. */
const EVERY = 20;
/** What is left of a wish after each look: one that no word fulfils is forgotten. */
const KEPT = 0.98;
/** Weight of the latest step in the mean squares of the gradients. */
const LATEST = 0.01;
/** Share of the blocks that may take another word at a time, at first and at most: all that is trained has to follow. It doubles where that was good, and halves where it was not. */
const MOVED = { first: 1e-3, most: 1e-2 };

/** A block and the word that it has not: its own before it moves, the other one after. */
interface Move { at: number; place: number; other: number; gain: number }

/**
 * Which word stands for which block. Gradients of single weights go straight through the choice (Bengio et al.: arXiv 1308.3432) to a wish:
 * how far each weight would have gone from its code by itself, as seen from how large its block's gradients usually are. From time to time blocks take the words that are nearest to what they wish for, on trial.
 */
export class Assignment {
  /** [inputs, rows], in steps of the grid. */
  private readonly wish: Float32Array;
  /** Mean squares of the gradients of each block. */
  private readonly energies: Float32Array;
  /** Steps taken, the share of the blocks that may move, steps between looks, and the step of the next. */
  private readonly course = Float32Array.of(0, MOVED.first, EVERY, EVERY);
  private moves: Move[] = [];

  /**
   * @param words [blocks of a row, rows]; changed in place
   * @param silent rows that keep their words
   */
  constructor(private readonly words: Int32Array, private readonly block: number, private readonly silent: readonly boolean[]) {
    this.wish = new Float32Array(words.length * block);
    this.energies = new Float32Array(words.length);
  }

  get state(): readonly (Float32Array | Int32Array)[] { return [this.words, this.wish, this.energies, this.course]; }

  /**
   * Follows a step.
   * @param gradients of the codes, for each weight [inputs, rows]
   * @param rate in steps of the grid, for a gradient of usual size
   */
  learn(gradients: Float32Array, rate: number): void {
    const { wish, energies, block, rows } = this, latest = Math.max(LATEST, 1 / ++this.course[0]);
    for (let at = 0; at < energies.length; at++) {
      const place = this.placeOf(at), end = place + block * rows;
      let energy = 0;
      for (let i = place; i < end; i += rows) energy += gradients[i] ** 2;
      energies[at] += (energy / block - energies[at]) * latest;
      const size = rate / (Math.sqrt(energies[at]) || 1);
      for (let i = place; i < end; i += rows) wish[i] -= size * gradients[i];
    }
  }

  /** From time to time, gives those blocks another word on trial that gain most by it. @returns whether it did */
  leap(codes: Float32Array): boolean {
    const { wish, words, course, course: [count, share, every, next] } = this;
    if (count < next) return false;
    course[3] = count + every;
    for (let i = 0; i < wish.length; i++) wish[i] *= KEPT;
    this.moves = this.wishes(codes).sort((a, b) => b.gain - a.gain).slice(0, Math.ceil(share * words.length));
    this.swap();
    return this.moves.length > 0;
  }

  /** Takes the words from before the trial for those on trial, and the other way round. */
  swap(): void { for (const move of this.moves) [this.words[move.at], move.other] = [move.other, this.words[move.at]]; }

  /** Ends a trial that was {@link swap}ped back. Wishes that came true or proved wrong are forgotten. */
  judge(isGood: boolean): void {
    const { moves, wish, course, block, rows } = this;
    if (!moves.length) return;
    const [count, share, every] = course;
    course.set(isGood ? [Math.min(MOVED.most, 2 * share), EVERY, count + EVERY] : [share / 2, 2 * every, count + 2 * every], 1);
    if (isGood) this.swap();
    for (const { place } of moves) for (let i = place; i < place + block * rows; i += rows) wish[i] = 0;
    this.moves = [];
  }

  /** Blocks that are nearer to another word than to their own with what they wish for, and how much nearer in square. */
  private wishes(codes: Float32Array): Move[] {
    const { words, wish, block, silent, rows } = this, near = nearestOther(codes, block), wanted = new Float32Array(block), found: Move[] = [];
    for (let at = 0; at < words.length; at++) {
      const word = words[at], place = this.placeOf(at);
      let length = 0;
      for (let j = 0; j < block; j++) length += wish[place + j * rows] ** 2;
      // another word cannot be nearer than its own while the wish goes less than half the way to the nearest
      if (silent[at % rows] || 4 * length <= near[word]) continue;
      for (let j = 0; j < block; j++) wanted[j] = codes[word * block + j] + wish[place + j * rows];
      const other = nearestTo(wanted, codes);
      if (other !== word) found.push({ at, place, other, gain: length - distanceOf(wanted, 0, codes, other * block, block) });
    }
    return found;
  }

  /** Where a block's first weight lies among all. */
  private placeOf(at: number): number { return Math.floor(at / this.rows) * this.block * this.rows + at % this.rows; }

  private get rows(): number { return this.silent.length; }
}

/** The squared distance of each word to the nearest of the others. */
function nearestOther(codes: Float32Array, block: number): Float32Array {
  const nearest = new Float32Array(codes.length / block).fill(Infinity);
  for (let a = 0; a < nearest.length; a++) for (let b = 0; b < a; b++) {
    const distance = distanceOf(codes, a * block, codes, b * block, block);
    nearest[a] = Math.min(nearest[a], distance);
    nearest[b] = Math.min(nearest[b], distance);
  }
  return nearest;
}

function nearestTo(wanted: Float32Array, codes: Float32Array): number {
  const block = wanted.length;
  let best = 0, least = Infinity;
  for (let word = 0; word * block < codes.length; word++) {
    const distance = distanceOf(wanted, 0, codes, word * block, block);
    if (distance < least) [best, least] = [word, distance];
  }
  return best;
}

function distanceOf(a: Float32Array, from: number, b: Float32Array, at: number, count: number): number {
  let sum = 0;
  for (let j = 0; j < count; j++) sum += (a[from + j] - b[at + j]) ** 2;
  return sum;
}
