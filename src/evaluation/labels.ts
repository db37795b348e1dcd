import type { Model } from "../onnx/model";
import { KernelscopeError } from "../protocol/errors";
import type { Dataset } from "./dataset";
import { wilson } from "./metrics";

/** Classes of some samples, where the data says them. @throws KernelscopeError "bad-data" for a class that the model does not have */
export function labelsOf(dataset: Pick<Dataset, "labels" | "nameOf">, positions: readonly number[], classes: number): number[] | undefined {
  const { labels } = dataset;
  return labels && positions.map((position) => {
    const label = labels[position];
    if (label >= 0 && label < classes) return label;
    throw new KernelscopeError("bad-data", `The label of ${dataset.nameOf(position)} is ${label}, but this model has ${classes} classes, 0 to ${classes - 1}. Choose images that are labelled as the model counts, or some without labels.`);
  });
}

/** The same for all samples of a set at once, where the model's file says how many classes it has, so that nothing is computed in vain. */
export function checkLabels(dataset: Dataset, { graph: { outputs: [output, ...others] } }: Model): void {
  const [, classes] = output?.shape ?? [];
  if (!others.length && output?.shape?.length === 2 && typeof classes === "number" && classes > 1) labelsOf(dataset, Array.from({ length: dataset.size }, (_, i) => i), classes);
}

/** Networks that people keep are right more often, whatever their number of classes. */
const HARDLY = 0.25;

/** A doubt in images and labels, where a model is hardly ever right about them. @param right share of the samples @param who begins the sentence @param which samples these are */
export function doubtOf(right: number | undefined, samples: number, who: string, which = "these images"): string[] {
  if (right === undefined || wilson(right, samples)[1] > HARDLY) return [];
  return [`${who} is right about only ${(100 * right).toFixed(1)} % of ${which}. If that is less than it should be, the images are prepared otherwise than those that it was trained on (channels, size, mean, std, scale), or the labels count classes in another order.`];
}

/** What there is to say where a model's outputs are the same for all samples. */
export const SAYS_NOTHING = "The original puts out the same for all of these images, so they do not tell how well anything agrees with it. Are they all alike, or prepared otherwise than it was trained (channels, size, mean, std, scale)?";

/** Few networks are right about so many images that are new to them. */
const NEARLY_ALL_RIGHT = 0.98;

/** What there is to say of images that a model is right about nearly without exception: most likely it was trained on them. */
export function trainedOn(right: number | undefined, samples: number): string[] {
  if (right === undefined || wilson(right, samples)[0] < NEARLY_ALL_RIGHT) return [];
  return [`The original is right about ${(100 * right).toFixed(1)} % of these images. If it was trained on them, a compressed model agrees less with it on others: measure on some that are new to it, by --eval-data or a recipe's data.evalFolder.`];
}

/** Images that nobody has sorted show several things. */
const NEARLY_ALL = 0.95;

/** A doubt in images without labels, where a model says the same of nearly all. @param alike share of the samples that it gives the most common class */
export function alikeDoubt(alike: number, who: string, which: string): string[] {
  return alike < NEARLY_ALL ? [] : [`${who} gives ${alike === 1 ? "all" : "nearly all"} of ${which} the same class. Unless they show one thing, they are prepared otherwise than those that it was trained on (channels, size, mean, std, scale).`];
}
