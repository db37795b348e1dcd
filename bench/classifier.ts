import { argMax, logProbabilities } from "../src/evaluation/metrics";
import { readModel } from "../src/onnx/model";
import type { Device } from "../src/protocol/api";
import type { Runtime } from "../src/runtime/runtime";
import type { Augmentation } from "../src/training/augment";
import { countOf, TAPS } from "../src/training/graph";
import { readNetwork } from "../src/training/network";
import { Momentum, oneCycleRate } from "../src/training/optimizer";
import { Trainer, type Progress, type TrainingState } from "../src/training/trainer";
import { Dense } from "../src/training/trainable";
import { Course, type Examples } from "./examples";
import { encodeClassifier, INPUT, LOGITS, type Classifier, type Weight } from "./networks";

/** Training of a classifier from its beginning on the product's engine: cross-entropy, Nesterov's momentum, one cycle of rates. */

export interface Settings {
  batch: number;
  /** The highest rate. */
  rate: number;
  /** Of weights; biases and normalizations have none. */
  decay: number;
  /** Share of each label that goes to all classes. */
  smoothing: number;
  augmentation: Augmentation;
  seed: number;
}

export interface ClassifierOptions {
  runtime: Runtime;
  threads?: number;
  /** Where steps run; the CPU unless said. */
  device?: Device;
  classifier: Classifier;
  examples: Examples;
  /** What accuracy is told of. */
  tests: Examples;
  settings: Settings;
  /** Steps, or seconds that are turned into steps once the first have been timed. */
  length: { steps: number } | { seconds: number };
  onStep?(loss: number): void;
  onEpoch?(epoch: Epoch): void;
  checkpoint?: { load(): Promise<TrainingState | undefined>; save(state: TrainingState): Promise<void> };
  stop?: AbortSignal;
}

export interface Score { accuracy: number; loss: number }
/** How training stands; the loss is that of the last steps, the test's that of the running statistics. */
export interface Epoch extends Progress { epoch: number; epochs: number; test: Score }

/** How far it has come, and what it came to unless it was stopped before. */
export interface Training extends Progress { result?: { classifier: Classifier; test: Score } }

/** Batches from which the normalizations' statistics are taken in the end. */
const ESTIMATED = 100;
/** A forward pass as a share of a step. */
const FORWARD = 0.35;

/** Trains a classifier. */
export async function trainClassifier(options: ClassifierOptions): Promise<Training> {
  const { runtime, threads, device, classifier, examples, settings, length, onStep, onEpoch, checkpoint, stop } = options, { batch } = settings;
  const trainables = trainablesOf(classifier, settings), course = new Course(examples, { input: INPUT, ...settings });
  const network = await readNetwork(await readModel(sourceOf(encodeClassifier(classifier))), { name: INPUT, dims: [batch, ...classifier.shape] }, [LOGITS], trainables.map(({ parameter: { name } }) => name));
  const trainer = new Trainer({
    runtime, threads, device, network, trainables, objective: { kind: "labels" }, statistics: "batch", stop,
    inputs: (step) => course.inputs(step), rate: oneCycleRate,
  });
  const test = () => score(trainer, options.tests, batch);
  await trainer.open();
  try {
    const known = await checkpoint?.load();
    if (known && !trainer.restore(known.arrays)) throw new Error("What was kept is of another network.");
    const steps = known?.steps ?? ("steps" in length ? length.steps : await stepsIn(length.seconds, trainer, course, test)), epochs = steps / course.stepsPerEpoch;
    const end = await trainer.run({ step: known?.step ?? 0, steps, loss: known?.loss ?? 0 }, {
      keep: (state) => checkpoint?.save(state) ?? Promise.resolve(),
      afterStep: async ({ step, loss }) => {
        if (!Number.isFinite(loss)) throw new Error(`The loss is no number any more after step ${step}: take a lower rate.`);
        onStep?.(loss);
        if (step % course.stepsPerEpoch === 0 && step < steps) onEpoch?.({ step, steps, epoch: step / course.stepsPerEpoch, epochs, loss, test: await test() });
      },
    });
    await checkpoint?.save({ ...end, arrays: trainer.arrays });
    if (end.step < steps) return end;
    await trainer.estimateStatistics(Math.min(ESTIMATED, steps));
    const last = await test();
    onEpoch?.({ ...end, epoch: epochs, epochs, test: last });
    return { ...end, result: { classifier: { ...classifier, weights: weightsOf(classifier, trainer, trainables) }, test: last } };
  } finally {
    await trainer.close();
  }
}

/** Everything but the statistics of normalizations. */
function trainablesOf({ weights }: Classifier, { rate, decay }: Settings): Dense[] {
  return [...weights].filter(([name]) => !isStatistic(name)).map(([name, { dims, data }]) => {
    const optimizer = new Momentum(countOf(dims), { nesterov: true, decay: dims.length > 1 ? decay : 0 });
    return new Dense({ name, dims, order: dims.length === 4 ? TAPS : undefined }, data, optimizer, rate);
  });
}

const isStatistic = (name: string): boolean => /\.running_(mean|var)$/.test(name);

function weightsOf({ weights }: Classifier, { statistics }: Trainer, trainables: readonly Dense[]): Map<string, Weight> {
  const trained = new Map(trainables.map((one) => [one.parameter.name, one.result]));
  return new Map(Array.from(weights, ([name, { dims }]) => [name, { dims, data: trained.get(name) ?? statistics.get(name) }]));
}

/** How many steps go into a time, with a test after each epoch and the statistics in the end. */
async function stepsIn(seconds: number, trainer: Trainer, course: Course, test: () => Promise<Score>): Promise<number> {
  const started = performance.now();
  await test();
  const look = (performance.now() - started) / 1000, perStep = await trainer.secondsPerStep(), end = look + FORWARD * ESTIMATED * perStep;
  return Math.max(1, Math.floor((seconds - 2 * look - end) / (perStep + look / course.stepsPerEpoch)));
}

/** Accuracy and cross-entropy. The last batch is filled up with the last example. */
async function score(trainer: Trainer, tests: Examples, batch: number): Promise<Score> {
  const predict = trainer.predictor(), { count, labels, classes } = tests;
  let right = 0, loss = 0;
  for (let first = 0; first < count; first += batch) {
    const [{ data }] = await predict(tests.read(Array.from({ length: batch }, (_, i) => Math.min(first + i, count - 1))));
    for (let i = 0; i < batch && first + i < count; i++) {
      const logits = data.subarray(i * classes, (i + 1) * classes), label = labels[first + i];
      if (argMax(logits) === label) right++;
      loss -= logProbabilities(logits)[label];
    }
  }
  return { accuracy: right / count, loss: loss / count };
}

function sourceOf(bytes: Uint8Array) {
  return { size: bytes.length, read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)) };
}
