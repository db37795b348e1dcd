import { hull, type Choice, type Item } from "./planner";
import { solve } from "./solver";

/** Choices under a limit of their measured size: bytes of choices do not quite add up to those of a file, whose parts share what unpacks them. */

/** Shares of a limit at which a size is near enough to it, and below which it is looked for what else would fit. */
const NEAR = 0.997, FULL = 0.97;
/** Budgets that are tried. */
const ROUNDS = 24;
/** Choices of an item that are looked at where a size seems out of reach. */
const TRADED = 6;

type SizeOf<C> = (options: readonly C[]) => number;
/** One choice for each item, and the size of all together. */
export interface Sized<C> { options: C[]; size: number }

/** The smallest that choices come to, looked for no further than to a limit. Of the choices it asks nothing but their bytes, but between those of equal bytes. */
export function smallest<C extends Choice>(items: readonly Item<C>[], limit: number, sizeOf: SizeOf<C>): Sized<C> {
  const least = sized(items.map(({ choices }) => hull(choices)[0]), sizeOf);
  return least.size > limit ? shrink(items, least.options, sizeOf) : least;
}

/** Narrows the solver's budget until the measured size is as near below the limit as it gets. @returns the smallest that was found, where that is above the limit */
export function fillLimit<C extends Choice>(items: readonly Item<C>[], limit: number, sizeOf: SizeOf<C>): Sized<C> {
  const least = items.reduce((sum, { choices }) => sum + hull(choices)[0].bytes, 0), most = items.reduce((sum, { choices }) => sum + Math.max(...choices.map((c) => c.bytes)), 0);
  let best = smallest(items, limit, sizeOf);
  if (best.size > limit) return best;
  for (let round = 0, low = least, high = most; round < ROUNDS && high - low > 1 && best.size < NEAR * limit; round++) {
    // regula falsi would do on a straight line; sizes come in steps, so halve
    const budget = (low + high) / 2, next = sized(solve(items, budget)!.choices, sizeOf);
    if (next.size > limit) high = budget;
    else {
      low = budget;
      if (next.size >= best.size) best = next;
    }
  }
  return grow(items, best, limit, sizeOf);
}

const sized = <C>(options: C[], sizeOf: SizeOf<C>): Sized<C> => ({ options, size: sizeOf(options) });

/** Spends what is left of a limit where the budget's steps are too coarse for it: the change of one item that saves the most loss and really fits, again and again. */
function grow<C extends Choice>(items: readonly Item<C>[], { options, size }: Sized<C>, limit: number, sizeOf: SizeOf<C>): Sized<C> {
  const best = [...options], changes = size < FULL * limit ? items.flatMap(({ choices }, item) => choices.map((choice) => ({ item, choice }))) : [];
  let total = size;
  for (let found = changes.length > 0; found && total < FULL * limit;) {
    const saves = ({ item, choice }: (typeof changes)[number]): number => best[item].loss - choice.loss;
    found = false;
    for (const change of changes.filter((change) => saves(change) > 0).sort((a, b) => saves(b) - saves(a))) {
      const before = best[change.item];
      best[change.item] = change.choice;
      const grown = sizeOf(best);
      found = grown <= limit && grown > total;
      if (found) { total = grown; break; }
      best[change.item] = before;
    }
  }
  return { options: best, size: total };
}

/** Trades choices while the whole really gets smaller: by themselves the smallest may need unpacking that others share. */
export function shrink<C extends Choice>(items: readonly Item<C>[], options: readonly C[], sizeOf: SizeOf<C>): Sized<C> {
  const best = [...options];
  let size = sizeOf(best), before: number;
  do {
    before = size;
    items.forEach(({ choices }, i) => {
      for (const choice of [...choices].sort((a, b) => a.bytes - b.bytes).slice(0, TRADED)) {
        const kept = best[i];
        best[i] = choice;
        const traded = sizeOf(best);
        if (traded < size) size = traded;
        else best[i] = kept;
      }
    });
  } while (size < before);
  return { options: best, size };
}
