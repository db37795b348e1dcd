/** Choices with bytes and a loss, their hulls and the plans along them. Knows neither layers nor methods. */

/** One way to store an item. */
export interface Choice { bytes: number; loss: number }

export interface Item<C extends Choice = Choice> { choices: readonly C[] }

/** Choices that no other beats in both bytes and loss, smallest first. */
export function unbeaten<C extends Choice>(choices: readonly C[]): C[] {
  let least = Infinity;
  return [...choices].sort((a, b) => a.bytes - b.bytes || a.loss - b.loss).filter(({ loss }) => {
    if (loss >= least) return false;
    least = loss;
    return true;
  });
}

/** Choices that no other beats in both bytes and loss and that lie on the lower convex hull, smallest first. */
export function hull<C extends Choice>(choices: readonly C[]): C[] {
  const sorted = [...choices].sort((a, b) => a.bytes - b.bytes || a.loss - b.loss);
  const kept: C[] = [];
  for (const choice of sorted) {
    if (kept.length && choice.loss >= kept[kept.length - 1].loss) continue;
    while (kept.length >= 2 && gain(kept[kept.length - 2], choice) >= gain(kept[kept.length - 2], kept[kept.length - 1])) kept.pop();
    kept.push(choice);
  }
  return kept;
}

/** Loss saved for each byte more. */
const gain = (from: Choice, to: Choice): number => (from.loss - to.loss) / (to.bytes - from.bytes);

/** The steps along all items' hulls from the smallest plan to the largest, the best first: which item takes which choice of its hull, and the loss that each byte more saves. */
export function steps<C extends Choice>(items: readonly Item<C>[]): { item: number; index: number; gain: number }[] {
  const all = items.flatMap(({ choices }, item) => {
    const path = hull(choices);
    return path.slice(1).map((to, i) => ({ item, index: i + 1, gain: gain(path[i], to) }));
  });
  return all.sort((a, b) => b.gain - a.gain || a.item - b.item || a.index - b.index);
}

/** All plans along the hulls, from the smallest to the largest: bytes, loss and the choices. */
export function front<C extends Choice>(items: readonly Item<C>[]): { bytes: number; loss: number; choices: C[] }[] {
  const hulls = items.map(({ choices }) => hull(choices));
  const at = hulls.map(() => 0);
  const plan = () => {
    const choices = hulls.map((h, item) => h[at[item]]);
    return { choices, bytes: choices.reduce((sum, c) => sum + c.bytes, 0), loss: choices.reduce((sum, c) => sum + c.loss, 0) };
  };
  const plans = [plan()];
  for (const { item, index } of steps(items)) {
    at[item] = index;
    plans.push(plan());
  }
  return plans;
}

/** The knee of a front of plans, smallest first: the one farthest below the line between its ends, loss against the logarithm of bytes. */
export function knee<P extends { bytes: number; loss: number }>(plans: readonly P[]): P {
  const first = plans[0], last = plans[plans.length - 1], width = Math.log(last.bytes / first.bytes), height = first.loss - last.loss;
  if (!(width > 0 && height > 0)) return last;
  const below = ({ bytes, loss }: P): number => (first.loss - loss) / height - Math.log(bytes / first.bytes) / width;
  return plans.reduce((best, plan) => (below(plan) > below(best) ? plan : best));
}
