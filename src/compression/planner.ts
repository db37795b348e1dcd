/** The size budget: one choice for each layer so that the predicted loss is least and the bytes fit. Knows neither layers nor methods. */

/** One way to store an item. */
export interface Choice { bytes: number; loss: number }

export interface Item<C extends Choice = Choice> { choices: readonly C[] }

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

/**
 * A multiple-choice knapsack by the hulls' steps in order of gain (its Lagrangian optimum), then repaired: what still fits of the steps left over, and single swaps.
 * @returns one choice for each item, or undefined where even the smallest do not fit
 */
export function choose<C extends Choice>(items: readonly Item<C>[], budget: number): C[] | undefined {
  const hulls = items.map(({ choices }) => hull(choices));
  const at = hulls.map(() => 0);
  let left = budget - hulls.reduce((sum, h) => sum + h[0].bytes, 0);
  if (left < 0) return undefined;
  const steps = hulls.flatMap((h, item) => h.slice(1).map((to, i) => ({ item, index: i + 1, gain: gain(h[i], to), bytes: to.bytes - h[i].bytes })));
  steps.sort((a, b) => b.gain - a.gain || a.item - b.item || a.index - b.index);
  for (const step of steps) {
    if (step.index !== at[step.item] + 1 || step.bytes > left) continue;
    at[step.item] = step.index;
    left -= step.bytes;
  }
  const chosen = hulls.map((h, item) => h[at[item]]);
  fill(items, chosen, left);
  return chosen;
}

/** Uses up what is left of the budget: again and again the change of one item that saves the most loss and fits. */
function fill<C extends Choice>(items: readonly Item<C>[], chosen: C[], left: number): void {
  for (;;) {
    let best: { item: number; choice: C } | undefined, saved = 0;
    items.forEach(({ choices }, item) => {
      for (const choice of choices) {
        const more = choice.bytes - chosen[item].bytes, less = chosen[item].loss - choice.loss;
        if (more <= left && less > saved) { best = { item, choice }; saved = less; }
      }
    });
    if (!best) return;
    left -= best.choice.bytes - chosen[best.item].bytes;
    chosen[best.item] = best.choice;
  }
}

/** The steps along all items' hulls from the smallest plan to the largest, the best first: which item takes which choice of its hull. */
export function steps<C extends Choice>(items: readonly Item<C>[]): { item: number; index: number }[] {
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
