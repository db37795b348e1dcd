import type { Dataset } from "../evaluation/dataset";
import { argMax } from "../evaluation/metrics";
import { Random } from "../numeric/random";
import { KernelscopeError } from "../protocol/errors";
import type { Session, Tensor } from "../runtime/runtime";
import { augment, type Augmentation } from "../training/augment";
import type { HeldOutBatch, TeachingBatch } from "../training/tuner";

export interface LessonOptions {
  dataset: Dataset;
  /** Positions of the samples that are trained on, and of those that are only looked at. */
  trained: readonly number[];
  watched: readonly number[];
  /** Samples of a step. */
  batch: number;
  seed: number;
  /** The model's input. */
  input: string;
  /** The original, and the outputs that are taught. */
  teacher: Session;
  outputs: readonly string[];
}

/** Streams of random numbers: for how samples are varied, and from here on for their order. */
const VARIATION = 101, ORDER = 102;

/** Samples are moved by up to this share of their width. */
const SHIFT = 1 / 16;
/** A way to vary samples is used where so many of the original's predictions survive it. */
const SURVIVING = 0.85;

/** Labels are learned from where the original knows so many. */
const KNOWN = 0.5;

/** Samples in batches with what the original makes of them: the same for the same step, whoever asks. */
export class Lessons {
  /** How samples are varied. */
  augmentation: Augmentation = { flip: false, shift: 0 };
  private order: { epoch: number; positions: Uint32Array } | undefined;

  /** @throws KernelscopeError "bad-data" where there are too few samples */
  constructor(private readonly options: LessonOptions) {
    const { trained, batch } = options;
    if (trained.length < batch) throw new KernelscopeError("bad-data", `Training takes at least ${batch} samples beside those that it is watched on; there are ${trained.length}. Give more, or none for --tune.`);
  }

  /** The samples of a step, varied; with their labels where they are asked for. */
  async batch(step: number, withLabels = false): Promise<TeachingBatch> {
    const { options: { batch, seed, trained }, augmentation } = this, perEpoch = Math.floor(trained.length / batch), epoch = Math.floor(step / perEpoch), first = step % perEpoch * batch;
    if (this.order?.epoch !== epoch) this.order = { epoch, positions: new Random(seed, ORDER + epoch).permutation(trained.length) };
    const positions = Array.from(this.order.positions.subarray(first, first + batch), (i) => trained[i]), samples = await this.read(positions);
    augment(samples.data, samples.dims, augmentation, new Random(seed * 65_537 + step, VARIATION));
    const lesson = await this.taught(samples);
    return withLabels ? { ...lesson, labels: this.labelsOf(positions, lesson) } : lesson;
  }

  /** The samples that are only looked at, as they are; the last batch is filled up with the first of them. */
  async heldOut(): Promise<HeldOutBatch[]> {
    const { options: { batch, watched } } = this, batches: HeldOutBatch[] = [];
    for (let first = 0; first < watched.length; first += batch) {
      const positions = Array.from({ length: batch }, (_, i) => watched[(first + i) % watched.length]);
      batches.push({ ...await this.taught(await this.read(positions)), count: Math.min(batch, watched.length - first) });
    }
    return batches;
  }

  /** Finds out how samples may be varied: so that the original still knows them. */
  async chooseAugmentation([{ samples, teacher }]: readonly TeachingBatch[]): Promise<void> {
    if (samples.dims.length !== 4 || teacher.length !== 1 || teacher[0].dims.length !== 2) return;
    const survives = async (augmentation: Augmentation): Promise<boolean> => {
      const varied = { ...samples, data: samples.data.slice() };
      augment(varied.data, varied.dims, augmentation, new Random(this.options.seed, VARIATION));
      return agreement(teacher[0], (await this.taught(varied)).teacher[0]) >= SURVIVING;
    };
    const shift = Math.round(samples.dims[3] * SHIFT), flip = await survives({ flip: true, shift: 0 });
    this.augmentation = { flip, shift: await survives({ flip: false, shift }) ? shift : 0 };
  }

  /** Why labels cannot be learned from: there are none, or the original knows other classes. */
  problemWithLabels(held: readonly HeldOutBatch[]): string | undefined {
    const { dataset: { labels }, watched } = this.options, [{ teacher: [first], teacher }] = held;
    if (!labels) return "Labels were not learned from, because the images have none: they come from folders by class, or from labels.npy.";
    if (teacher.length !== 1 || first.dims.length !== 2) return "Labels were not learned from, because this model is no classifier.";
    if (labels.some((label) => label >= first.dims[1])) return `Labels were not learned from, because some are of classes that this model does not have: it has ${first.dims[1]}.`;
    const predicted = held.flatMap(({ teacher: [{ data, dims: [, classes] }], count }) => Array.from({ length: count }, (_, i) => argMax(data.subarray(i * classes, (i + 1) * classes))));
    const known = predicted.filter((label, i) => label === labels[watched[i]]).length / predicted.length;
    return known < KNOWN ? `Labels were not learned from, because the original predicts ${Math.round(100 * known)} % of them: they seem to be of other classes, or in another order.` : undefined;
  }

  /** Classes as rows with a single one. */
  private labelsOf(positions: readonly number[], { teacher: [{ dims }] }: TeachingBatch): Tensor {
    const data = new Float32Array(dims[0] * dims[1]), { labels } = this.options.dataset;
    positions.forEach((position, i) => { data[i * dims[1] + labels![position]] = 1; });
    return { dims, data };
  }

  private async read(positions: readonly number[]): Promise<Tensor> {
    const { dataset } = this.options;
    return { dims: [positions.length, ...dataset.shape], data: await dataset.batch(positions) };
  }

  private async taught(samples: Tensor): Promise<TeachingBatch> {
    const { teacher, outputs, input } = this.options, results = await teacher.run({ [input]: samples });
    return { samples, teacher: outputs.map((name) => results[name]) };
  }
}

/** Share of the predictions that are the same. */
function agreement({ data: a, dims: [n, classes] }: Tensor, { data: b }: Tensor): number {
  let same = 0;
  for (let i = 0; i < n; i++) if (argMax(a.subarray(i * classes, (i + 1) * classes)) === argMax(b.subarray(i * classes, (i + 1) * classes))) same++;
  return same / n;
}
