/** Steps between looks at who is better served by another word. */
const EVERY = 20;
/** What is left of a wish after each look: one that no word fulfils is forgotten. */
const KEPT = 0.98;
/** Weight of the latest step in the mean square of the gradients. */
const LATEST = 0.01;
/** Share of the blocks that may take another word after a look: all that is trained has to follow. */
const MOVED = 1e-3;

/**
 * Which word stands for which block. Gradients of single weights go straight through the choice (Bengio et al.: arXiv 1308.3432) to a wish:
 * how far each weight would have gone from its code by itself. From time to time a block takes the word that is nearest to what it wishes for.
 */
export class Assignment {
  /** [inputs, rows], in steps of the grid. */
  private readonly wish: Float32Array;
  /** Steps taken, and the mean square of the gradients. */
  private readonly moments = new Float32Array(2);

  /**
   * @param words [blocks of a row, rows]; changed in place
   * @param silent rows that keep their words
   */
  constructor(private readonly words: Int32Array, private readonly block: number, private readonly silent: readonly boolean[]) { this.wish = new Float32Array(words.length * block); }

  get state(): readonly (Float32Array | Int32Array)[] { return [this.words, this.wish, this.moments]; }

  /**
   * Follows a step.
   * @param gradients of the codes, for each weight [inputs, rows]
   * @param rate in steps of the grid, for a gradient of usual size
   * @param codes as they are now, [words, block]
   */
  learn(gradients: Float32Array, rate: number, codes: Float32Array): void {
    const { wish, moments } = this, count = ++moments[0];
    let energy = 0;
    for (const g of gradients) energy += g * g;
    moments[1] += (energy / gradients.length - moments[1]) * Math.max(LATEST, 1 / count);
    const size = rate / (Math.sqrt(moments[1]) || 1);
    for (let i = 0; i < wish.length; i++) wish[i] -= size * gradients[i];
    if (count % EVERY === 0) this.move(codes);
  }

  /** Gives those blocks another word that gain most by it. */
  private move(codes: Float32Array): void {
    const { words, wish, block } = this;
    for (const { at, place, better } of this.wishes(codes).sort((a, b) => b.gain - a.gain).slice(0, Math.ceil(MOVED * words.length))) {
      for (let j = 0; j < block; j++) wish[place + j * this.rows] += codes[words[at] * block + j] - codes[better * block + j];
      words[at] = better;
    }
    for (let i = 0; i < wish.length; i++) wish[i] *= KEPT;
  }

  /** Blocks that are nearer to another word than to their own with what they wish for, and how much nearer in square. */
  private wishes(codes: Float32Array): { at: number; place: number; better: number; gain: number }[] {
    const { words, wish, block, silent, rows } = this, near = nearestOther(codes, block), wanted = new Float32Array(block), found: { at: number; place: number; better: number; gain: number }[] = [];
    for (let first = 0; first < words.length; first += rows) for (let m = 0; m < rows; m++) {
      const word = words[first + m], place = first * block + m;
      let length = 0;
      for (let j = 0; j < block; j++) length += wish[place + j * rows] ** 2;
      // another word cannot be nearer than its own while the wish goes less than half the way to the nearest
      if (silent[m] || 4 * length <= near[word]) continue;
      for (let j = 0; j < block; j++) wanted[j] = codes[word * block + j] + wish[place + j * rows];
      const better = nearestTo(wanted, codes);
      if (better !== word) found.push({ at: first + m, place, better, gain: length - distanceOf(wanted, 0, codes, better * block, block) });
    }
    return found;
  }

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
