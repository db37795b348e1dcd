import { augment, type Augmentation } from "../src/training/augment";
import { LABELS } from "../src/training/objective";
import type { Inputs } from "../src/training/trainer";
import type { Tensor } from "../src/runtime/runtime";
import { Random } from "../src/numeric/random";

/** Random numbers for how samples are varied, and for their order in each epoch from the first on. */
const VARIATION = 1, ORDER = 2;

/** Labelled images and how they become numbers. */
export interface ExampleOptions {
  /** [count, H, W, C] */
  images: Uint8Array;
  labels: Uint8Array;
  /** [C, H, W] */
  shape: readonly number[];
  classes: number;
  /** Of each channel, in shares of 255. */
  mean: readonly number[];
  deviation: readonly number[];
}

/** Images by position. */
export class Examples {
  readonly labels: Uint8Array;
  readonly shape: readonly number[];
  readonly classes: number;
  /** [count, C, H, W] */
  private readonly planes: Uint8Array;
  /** The number of each byte in each channel. */
  private readonly numbers: Float32Array[];

  constructor({ images, labels, shape: [channels, height, width], classes, mean, deviation }: ExampleOptions) {
    this.shape = [channels, height, width];
    this.labels = labels;
    this.classes = classes;
    this.planes = new Uint8Array(images.length);
    const pixels = height * width;
    for (let i = 0, from = 0; i < labels.length; i++) for (let at = 0; at < pixels; at++) for (let c = 0; c < channels; c++) this.planes[(i * channels + c) * pixels + at] = images[from++];
    this.numbers = mean.map((middle, c) => Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - middle) / deviation[c]));
  }

  get count(): number { return this.labels.length; }

  read(positions: ArrayLike<number>): Tensor {
    const { planes, numbers, shape } = this, pixels = shape[1] * shape[2], size = shape[0] * pixels, data = new Float32Array(positions.length * size);
    for (let i = 0, to = 0; i < positions.length; i++) for (let c = 0, from = positions[i] * size; c < shape[0]; c++) {
      const own = numbers[c];
      for (let at = 0; at < pixels; at++) data[to++] = own[planes[from++]];
    }
    return { dims: [positions.length, ...shape], data };
  }

  /** Rows of ones at the labels, of which `smoothing` goes to all classes in equal shares. */
  targets(positions: ArrayLike<number>, smoothing = 0): Tensor {
    const { classes } = this, data = new Float32Array(positions.length * classes).fill(smoothing / classes);
    for (let i = 0; i < positions.length; i++) data[i * classes + this.labels[positions[i]]] += 1 - smoothing;
    return { dims: [positions.length, classes], data };
  }
}

export interface CourseOptions { input: string; batch: number; seed: number; augmentation: Augmentation; smoothing: number }

/** Examples in batches, each epoch in another order: the same for the same step, whoever asks. */
export class Course {
  readonly stepsPerEpoch: number;
  private order: { epoch: number; positions: Uint32Array } | undefined;

  constructor(private readonly examples: Examples, private readonly options: CourseOptions) {
    this.stepsPerEpoch = Math.floor(examples.count / options.batch);
    if (!this.stepsPerEpoch) throw new RangeError(`${examples.count} examples do not fill a batch of ${options.batch}.`);
  }

  async inputs(step: number): Promise<Inputs> {
    const { examples, options: { input, batch, seed, augmentation, smoothing } } = this, epoch = Math.floor(step / this.stepsPerEpoch), first = step % this.stepsPerEpoch * batch;
    if (this.order?.epoch !== epoch) this.order = { epoch, positions: new Random(seed, ORDER + epoch).permutation(examples.count) };
    const positions = this.order.positions.subarray(first, first + batch), samples = examples.read(positions);
    augment(samples.data, samples.dims, augmentation, new Random(seed * 65_537 + step, VARIATION));
    return { [input]: samples, [LABELS]: examples.targets(positions, smoothing) };
  }
}
