import { flipsAt, type Prediction, type Together } from "../protocol/plan";

/**
 * What a whole plan lost on samples of a report, beside what its layers lose one by one, added up. `disagreement` and `lost`: shares of predictions that flipped, and that are right no more, the latter where that is known.
 * `samples`: predictions that were compared; 0 where outputs are no classes. `fitted`: predictions that flipped among those of the samples that the plan was fitted to.
 */
export interface Observed { predicted: number; loss: number; disagreement: number; lost?: number; samples: number; fitted?: Flips }

export interface Flips { disagreement: number; samples: number }

/** Standard deviation of the logarithm of how many times more or less whole plans lose than their layers one by one; the fewer samples have told it of this plan, the more this counts. */
const USUAL = 1;
/** Standard deviation of the logarithm of how many times more is lost on other samples than on those that a plan was fitted to. */
const FITTED = 0.7;
/** Standard deviation of what one sample loses, in means: few lose most. */
const SPREAD = 4;
/** Standard deviation of the logarithm of what outputs that are no classes lose. */
const PRECISE = 0.2;
/** Standard deviation of the logarithm of how many times more or fewer predictions flip than in plans that were observed, however well these are known: as the flips of bench:prediction are off. */
const BETWEEN = 0.3;
/** What lies between the ninth and the first tenth of a normal distribution, in standard deviations. */
const DECILES = 2.56;
/** Bounds of the share of flips at which half of each is lost. */
const HALF = { least: 0.001, most: 10 };

/** A measurement of a logarithm. */
interface View { log: number; variance: number }

/** What measurements say together, each as far as it can, beside what is usual. */
const pooled = (views: readonly View[]): number => views.reduce((sum, { log, variance }) => sum + log / variance, 0) / views.reduce((sum, { variance }) => sum + 1 / variance, 0);

/** What observed plans say of others, ascending in both: the losses at which as many predictions flip. */
export function togetherOf(observed: readonly Observed[], prediction: Prediction): Together[] {
  const all = observed.map((one) => ({ predicted: one.predicted, measured: one.predicted * Math.exp(pooled(viewsOf(one, prediction))) })).sort((a, b) => a.predicted - b.predicted);
  return all.filter(({ measured }, i) => all.slice(0, i).every((before) => before.measured < measured));
}

/** How many times more or fewer predictions flip in a bad and in a good case, the last and the first of ten, than observed plans say. */
export function spreadOf(observed: readonly Observed[], prediction: Prediction): number {
  const variances = observed.map((one) => 1 / viewsOf(one, prediction).reduce((sum, { variance }) => sum + 1 / variance, 0));
  return Math.exp(DECILES / 2 * Math.sqrt(Math.min(...variances) / 4 + BETWEEN ** 2)); // flips follow the root of the loss
}

/** How many times more a plan loses than its layers, as its loss and its flips tell. */
function viewsOf({ predicted, loss, disagreement, samples, fitted }: Observed, prediction: Prediction): View[] {
  const views: View[] = [{ log: 0, variance: USUAL ** 2 }], add = (measured: number, variance: number): void => { if (measured > 0) views.push({ log: Math.log(measured / predicted), variance }); };
  if (!samples || prediction.of !== "agreement") add(loss, PRECISE ** 2);
  else {
    const [good, bad] = prediction.slopes, count = (flips: Flips, more: number): void => { add(lossAt(Math.min(0.999, (flips.disagreement * flips.samples + 0.5) / flips.samples), prediction), 4 / (flips.disagreement * flips.samples + 1) + more); };
    // a whole plan is the middle of many layers; flips follow the root of the loss
    add(loss, SPREAD ** 2 / samples + (Math.log(bad / good) / DECILES) ** 2);
    count({ disagreement, samples }, 0);
    if (fitted?.samples) count(fitted, FITTED ** 2);
  }
  return views;
}

/** The loss at which this share of predictions flips. */
function lossAt(flips: number, prediction: Prediction): number {
  const plain = { ...prediction, together: undefined };
  let low = 0, high = 1;
  while (high < 1e6 && flipsAt(plain, high) < flips) high *= 2;
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (flipsAt(plain, middle) < flips) low = middle;
    else high = middle;
  }
  return high;
}

/** The share of flips at which half of each is lost, as single layers have told it and as observed plans do: images that a network was trained on know no flips that change nothing. */
export function halfOf(observed: readonly Observed[], half: number): number {
  const views: View[] = [{ log: Math.log(half), variance: USUAL ** 2 }];
  for (const { disagreement: d, lost, samples } of observed) {
    const flips = d * samples, gone = lost === undefined ? 0 : Math.max(lost * samples, Math.sqrt(flips) / 2); // that fewer are gone is chance
    if (lost !== undefined && flips >= 1) views.push({ log: Math.log(Math.min(HALF.most, Math.max(HALF.least, d * (flips / gone - 1)))), variance: Math.max(1, flips) / gone ** 2 });
  }
  return Math.exp(pooled(views));
}
