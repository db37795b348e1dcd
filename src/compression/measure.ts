import { splitPositions, tooFew } from "../evaluation/dataset";
import { batchesOf } from "../evaluation/evaluate";
import { OutputComparison } from "../evaluation/deviations";
import { doubtOf, labelsOf } from "../evaluation/labels";
import { ClassifierComparison } from "../evaluation/flips";
import type { Measured, MeasureRequest } from "../protocol/accuracy";
import { KernelscopeError } from "../protocol/errors";
import type { Tensor } from "../runtime/runtime";
import type { Host } from "./host";
import { openPair, runPair } from "./pair";

/** Figures are told as often as eyes can follow them. */
const TELL_EVERY_MS = 250;

/**
 * Runs a compressed model and its original over the same samples. Figures are told from the first batch on; memory does not grow with the number of samples.
 * @throws KernelscopeError with a sentence for the user
 */
export async function measurePair(request: MeasureRequest, host: Host, onProgress: (measured: Measured) => void = () => undefined, signal?: AbortSignal): Promise<Measured> {
  const pair = await openPair(request, host);
  try {
    const { dataset, input, batch } = pair, positions = measuredOf(request, dataset.size), total = positions.length;
    if (!total) throw tooFew(request.data, dataset.size, "to measure on");
    const { original, compressed, note } = await runPair(pair, request, host, total, signal);
    try {
      const classifier = new ClassifierComparison(), outputs = new OutputComparison(), constants = new Constants(), notes = [...dataset.notes, ...(note === undefined ? [] : [note])];
      const nameOf = (position: number) => dataset.nameOf(position), started = performance.now();
      let told = -Infinity, isClassifier = false;
      const state = (samples: number): Measured => ({
        samples, total, device: compressed.device, classes: dataset.classes, flips: classifier.flipped, deviations: outputs.deviations, notes,
        warnings: [...(dataset.doubts ?? []), ...(isClassifier ? doubtOf(classifier.figures.top1?.before.value, samples, "The original") : []), ...incomparable(outputs, constants)],
        secondsLeft: samples < total ? (performance.now() - started) / 1000 / samples * (total - samples) : undefined,
        ...(isClassifier ? { classifier: classifier.figures } : { outputs: outputs.figures }),
      });
      for await (const { tensor, chosen, done } of batchesOf(dataset, positions, batch, signal)) {
        const feeds = { [input.name]: tensor }, before = await original.run(feeds), after = await compressed.run(feeds), rows = tensor.dims[0];
        const names = Object.keys(before), [name] = names, { dims, data } = before[name];
        constants.add(names.map((output) => before[output]));
        isClassifier = names.length === 1 && dims.length === 2 && dims[0] === rows && dims[1] > 1;
        if (isClassifier) {
          const other = (after[name] ?? Object.values(after)[0]).data;
          if (other.length !== data.length) throw new KernelscopeError("bad-model", "The two models have outputs of different shapes, so they cannot be compared.");
          classifier.add(data, other, dims[1], chosen, nameOf, labelsOf(dataset, chosen, dims[1]));
        } else outputs.add(before, after, rows, chosen, nameOf);
        if (performance.now() - told < TELL_EVERY_MS || done === total) continue;
        told = performance.now();
        onProgress(state(done));
      }
      return state(total);
    } finally {
      await original.release();
      await compressed.release();
    }
  } finally {
    await pair.close();
  }
}

/** The samples of a data set that a request means. */
export function measuredOf({ heldOut, limit }: MeasureRequest, size: number): number[] {
  return (heldOut ? splitPositions(size).held : Array.from({ length: size }, (_, i) => i)).slice(0, limit);
}

function incomparable({ differing }: OutputComparison, constants: Constants): string[] {
  return [
    ...differing.map((name) => `${name} had another number of values in both models for some samples; those are not counted.`),
    ...(constants.all ? ["The original's outputs are the same for all samples, so the comparison says nothing."] : []),
  ];
}

/** Whether outputs stay the same whatever goes in. */
class Constants {
  private first: Float32Array[] | undefined;
  private same = true;
  private samples = 0;

  add(outputs: readonly Tensor[]): void {
    for (const [i, { dims, data }] of outputs.entries()) {
      const size = data.length / (dims[0] || 1), first = this.first?.[i] ?? data.slice(0, size);
      this.first ??= [];
      this.first[i] ??= first;
      this.same &&= data.every((v, at) => v === first[at % size]);
    }
    this.samples += outputs[0]?.dims[0] ?? 0;
  }

  get all(): boolean { return this.same && this.samples > 1; }
}
