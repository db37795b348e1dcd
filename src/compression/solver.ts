import { hull, steps, unbeaten, type Choice, type Item } from "./planner";

/** One choice for each item, and how far from the best it can be at most. */
export interface Solution<C extends Choice = Choice> {
  choices: C[];
  loss: number;
  /** Nothing that fits loses less than this; equal to `loss` where the choices are proved to be the best. */
  bound: number;
}

/** Partial plans that are followed at once. */
const MOST_STATES = 1000;

/**
 * The multiple-choice knapsack: one choice for each item so that the bytes fit and the loss is least. The hulls' steps in order of gain are its Lagrangian
 * optimum and give a price of bytes and a bound; what still fits of other changes repairs it; then all plans that can be better still are followed, item by
 * item (dynamic programming over sums that no other beats in bytes and loss), which is exact unless there are too many of them.
 * @returns undefined where even the smallest choices do not fit
 */
export function solve<C extends Choice>(items: readonly Item<C>[], budget: number): Solution<C> | undefined {
  const relaxed = relax(items, budget);
  if (!relaxed) return undefined;
  const { choices, left, price } = relaxed;
  fill(items, choices, left);
  const loss = lossOf(choices), bound = Math.min(loss, lagrangian(items, budget, price));
  return loss > bound ? follow(items, budget, price, { choices, loss, bound }) : { choices, loss, bound };
}

const lossOf = (choices: readonly Choice[]): number => choices.reduce((sum, { loss }) => sum + loss, 0);

/** The steps of all hulls that fit, in order of gain. @returns the choices, what they leave of the budget, and the loss that a byte is worth there */
function relax<C extends Choice>(items: readonly Item<C>[], budget: number): { choices: C[]; left: number; price: number } | undefined {
  const hulls = items.map(({ choices }) => hull(choices)), at = hulls.map(() => 0);
  let left = budget - hulls.reduce((sum, [smallest]) => sum + smallest.bytes, 0), price: number | undefined;
  if (left < 0) return undefined;
  for (const { item, index, gain } of steps(items)) {
    const bytes = hulls[item][index].bytes - hulls[item][index - 1].bytes;
    if (index === at[item] + 1 && bytes <= left) {
      at[item] = index;
      left -= bytes;
    } else price ??= gain;
  }
  return { choices: hulls.map((path, item) => path[at[item]]), left, price: price ?? 0 };
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

/** The least loss if bytes beyond the budget could be bought, and those left over sold, at a price: a bound for every plan that fits. */
const lagrangian = (items: readonly Item[], budget: number, price: number): number =>
  items.reduce((sum, { choices }) => sum + Math.min(...choices.map(({ bytes, loss }) => loss + price * bytes)), 0) - price * budget;

/** A partial plan: what its items take and lose, what it gives away against the cheapest at the price of bytes, and how it came about. */
interface State<C> { bytes: number; loss: number; excess: number; choice?: C; before?: State<C> }

/** Follows all plans that can be better than a known one. */
function follow<C extends Choice>(items: readonly Item<C>[], budget: number, price: number, known: Solution<C>): Solution<C> {
  const room = known.loss - known.bound, open = items.map(({ choices }) => worthwhile(choices, price, room)), smallest = open.map((choices) => Math.min(...choices.map(({ choice }) => choice.bytes)));
  // what is settled first leaves fewer sums to be told apart
  const order = open.map((_, item) => item).sort((a, b) => open[a].length - open[b].length);
  let rest = smallest.reduce((sum, bytes) => sum + bytes, 0), states: State<C>[] = [{ bytes: 0, loss: 0, excess: 0 }];
  for (const item of order) {
    rest -= smallest[item];
    const next: State<C>[] = [];
    for (const before of states) for (const { choice, excess } of open[item]) {
      const bytes = before.bytes + choice.bytes;
      if (bytes + rest <= budget && before.excess + excess < room) next.push({ bytes, loss: before.loss + choice.loss, excess: before.excess + excess, choice, before });
    }
    states = unbeaten(next);
    if (states.length > MOST_STATES) return known;
  }
  const best = states.reduce<State<C> | undefined>((least, state) => (!least || state.loss < least.loss ? state : least), undefined);
  if (!best || best.loss >= known.loss) return { ...known, bound: known.loss };
  const choices = new Array<C>(items.length);
  let state = best;
  for (const item of [...order].reverse()) {
    choices[item] = state.choice!;
    state = state.before!;
  }
  return { choices, loss: best.loss, bound: best.loss };
}

/** Choices that a plan better than the known one can have: at the price of bytes they give away less than there is room for. */
function worthwhile<C extends Choice>(choices: readonly C[], price: number, room: number): { choice: C; excess: number }[] {
  const least = Math.min(...choices.map(({ bytes, loss }) => loss + price * bytes));
  return choices.map((choice) => ({ choice, excess: choice.loss + price * choice.bytes - least })).filter(({ excess }) => excess < room);
}
