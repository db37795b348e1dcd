import type { ClassifierFigures, ClassScore, Flip, FlipKind } from "../protocol/accuracy";
import { Highest, PairedHits, RunningMean, shareOf } from "./estimates";
import { argMax, divergence, logProbabilities, rankOf } from "./metrics";

/** So many samples with another prediction are kept, those that changed most. */
export const MOST_FLIPS = 500;
const LISTED_CLASSES = 5;

/** Adds up how a compressed classifier's predictions differ from the original's, batch by batch. */
export class ClassifierComparison {
  private samples = 0;
  private agreed = 0;
  private readonly top1 = new PairedHits();
  private readonly top5 = new PairedHits();
  private readonly kl = new RunningMean();
  private readonly flips: Record<FlipKind, number> = { lost: 0, gained: 0, other: 0 };
  private readonly kept = new Highest<Flip>(MOST_FLIPS);

  /** @param labels class of each sample, where that is known; rows are [n, classes] */
  add(original: Float32Array, compressed: Float32Array, classes: number, positions: ArrayLike<number>, nameOf: (position: number) => string, labels?: ArrayLike<number>): void {
    for (let i = 0; i < positions.length; i++) {
      const p = original.subarray(i * classes, (i + 1) * classes), q = compressed.subarray(i * classes, (i + 1) * classes), before = argMax(p), after = argMax(q), kl = divergence(p, q), label = labels?.[i];
      this.samples++;
      this.kl.add(kl);
      if (before === after) this.agreed++;
      if (label !== undefined) {
        this.top1.add(before === label, after === label);
        this.top5.add(rankOf(p, label) < 5, rankOf(q, label) < 5);
      }
      if (before === after) continue;
      const kind = label === before ? "lost" : label === after ? "gained" : "other", position = positions[i];
      this.flips[kind]++;
      this.kept.add(kl, () => ({ position, name: nameOf(position), label, kind, original: bestOf(p), compressed: bestOf(q), kl }));
    }
  }

  get figures(): ClassifierFigures {
    const { samples, agreed, top1, top5 } = this;
    return { top1: top1.estimate, top5: top5.estimate, agreement: shareOf(agreed, samples), agreed, kl: this.kl.estimate, flips: { ...this.flips } };
  }

  /** In the order of the samples. */
  get flipped(): Flip[] { return this.kept.values.sort((a, b) => a.position - b.position); }
}

function bestOf(row: Float32Array): ClassScore[] {
  const logs = logProbabilities(row), order = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b);
  return order.slice(0, LISTED_CLASSES).map((index) => ({ class: index, probability: Math.exp(logs[index]) }));
}
