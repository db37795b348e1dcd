import { argMax } from "../evaluation/metrics";
import { alikeDoubt, doubtOf } from "../evaluation/labels";
import type { Model } from "../onnx/model";
import type { Runtime } from "../runtime/runtime";
import type { JobData } from "./data";
import { networkOutputs } from "./flow";

/** Samples that tell whether a model was made for images of their kind. */
const FEW = 64;

/** What speaks against a job's images before any work is spent on them: what can be seen of them, that there are few, and that the model is hardly ever right about them, or finds all alike. */
export async function doubtsIn({ rating: { input, batches, labels }, dataset }: Pick<JobData, "rating" | "dataset">, model: Model, runtime: Runtime, threads?: number): Promise<string[]> {
  const few = batches.slice(0, Math.max(1, Math.ceil(FEW / batches[0].dims[0]))), [outputs, ...others] = (await networkOutputs(model, { input, batches: few }, runtime, threads)).values();
  const seen = [...dataset.doubts ?? [], ...fewDoubt(dataset.size)];
  if (others.length || outputs.some(({ dims }, i) => dims.length !== 2 || dims[0] !== few[i].dims[0] || dims[1] < 2)) return [...seen];
  const predicted = outputs.flatMap(({ data, dims: [count, classes] }) => Array.from({ length: count }, (_, i) => argMax(data.subarray(i * classes, (i + 1) * classes))));
  const which = `the ${predicted.length} images that were tried`;
  if (!labels) return [...seen, ...predicted.length < FEW ? [] : alikeDoubt(mostCommon(predicted) / predicted.length, "The original", which)];
  const known = labels.flatMap((batch) => [...batch]), right = predicted.filter((label, i) => label === known[i]).length / predicted.length;
  return [...seen, ...doubtOf(right, predicted.length, "The original", which)];
}

const fewDoubt = (all: number): string[] => (all >= FEW ? [] : [`There ${all === 1 ? "is only one image" : `are only ${all} images`}: what is fitted to so few does not hold for others, and what is measured on a part of them says little. Give a few hundred.`]);

function mostCommon(classes: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const one of classes) counts.set(one, (counts.get(one) ?? 0) + 1);
  return Math.max(...counts.values());
}
