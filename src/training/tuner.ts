import { divergence, argMax } from "../evaluation/metrics";
import { throwIfCancelled } from "../protocol/errors";
import type { Device, TuningDone } from "../protocol/api";
import type { HeldOut } from "../protocol/report";
import type { Runtime, Session, Tensor } from "../runtime/runtime";
import type { Network } from "./network";
import { storedDims } from "./graph";
import { teacherInput, type Objective } from "./objective";
import type { TraceMode } from "./operator";
import { cosineRate } from "./optimizer";
import { release } from "./release";
import { RunningStatistics } from "./statistics";
import { buildForward, buildStep, forwardOutput, gradientOutput, LOSS, type Step } from "./step";
import type { Trainable } from "./trainable";

/** Samples of a step, and what the original makes of them. */
export interface TeachingBatch { samples: Tensor; teacher: Tensor[] }
/** The first `count` of them are looked at. */
export interface HeldOutBatch extends TeachingBatch { count: number }

/** What a training is at a step: enough to go on to the same end. */
export interface TunerState { step: number; steps: number; loss: number; arrays: (Float32Array | Int32Array)[]; best: { held: HeldOut; step: number; arrays: (Float32Array | Int32Array)[] }; first: HeldOut }

export interface TunerOptions {
  runtime: Runtime;
  device?: Device;
  threads?: number;
  network: Network;
  trainables: readonly Trainable[];
  objective: Objective;
  mode: TraceMode;
  /** The samples of a step; the same for the same step. */
  batch(step: number): Promise<TeachingBatch>;
  held: readonly HeldOutBatch[];
  /** Steps, or seconds that are turned into steps once the first have been timed. */
  length: { steps: number } | { seconds: number };
  /** Steps between looks at the held-out samples. */
  evaluateEvery: number;
  onProgress?(progress: TuningDone): void;
  checkpoint?: { load(): Promise<TunerState | undefined>; save(state: TunerState): Promise<void> };
  /** Cancels everything. */
  signal?: AbortSignal;
  /** Ends the training; the best so far is kept. */
  stop?: AbortSignal;
}

export interface TuneResult { steps: number; bestStep: number; first: HeldOut; best: HeldOut; step: Step }

/** Share of the steps in which the rate rises, and how many steps at most. */
const WARMUP = { share: 0.05, most: 100 };
/** Steps that tell how long one takes: some that are not timed, and those that are. */
const TIMED = { after: 2, steps: 8 };
/** Checkpoints take at most this share of the time. */
const KEEPING = 0.02;

/** Trains some tensors of a network so that it does what the original does, and leaves them as they were at their best. */
export class Tuner {
  private readonly statistics: RunningStatistics;
  private readonly step: Step;
  private session!: Session;
  private evaluation!: Session;

  constructor(private readonly options: TunerOptions) {
    const { network, trainables, objective, mode } = options;
    this.statistics = new RunningStatistics(network);
    const parameters = [...trainables.map(({ parameter }) => parameter), ...(mode.statistics === "fixed" ? this.statistics.parameters : [])];
    this.step = buildStep(network, { parameters, objective, mode });
  }

  /** Means and variances of the batch normalizations, by the names of their constants. */
  get running(): RunningStatistics { return this.statistics; }

  async run(): Promise<TuneResult> {
    const { runtime, threads, device, network, trainables, mode } = this.options, session = { threads, device, isTraining: true };
    this.session = await runtime.open(this.step.model, session);
    const parameters = [...trainables.map(({ parameter }) => parameter), ...this.statistics.parameters];
    this.evaluation = await runtime.open(buildForward(network, { parameters, mode: { ...mode, statistics: "fixed" } }), session);
    try {
      return await this.train();
    } finally {
      await this.session.release();
      await this.evaluation.release();
    }
  }

  private get arrays(): (Float32Array | Int32Array)[] { return [...this.options.trainables.flatMap(({ state }) => state), ...this.statistics.state]; }

  private async train(): Promise<TuneResult> {
    const { checkpoint, length, evaluateEvery, onProgress, batch, signal, stop } = this.options, kept = await checkpoint?.load(), known = kept && fits(kept.arrays, this.arrays) ? kept : undefined;
    if (known) restore(this.arrays, known.arrays);
    const first = known?.first ?? await this.evaluate();
    let best = known?.best ?? { held: first, step: 0, arrays: copies(this.arrays) };
    const steps = known?.steps ?? ("steps" in length ? length.steps : await this.stepsIn(length.seconds));
    let step = known?.step ?? 0, loss = known?.loss ?? 0, next = batch(step);
    let keepFrom = 0;
    const keep = async () => {
      const begun = performance.now();
      await checkpoint?.save({ step, steps, loss, arrays: this.arrays, best, first });
      keepFrom = performance.now() + (performance.now() - begun) / KEEPING;
    };
    if (!known) await keep();
    while (step < steps && !stop?.aborted) {
      throwIfCancelled(signal);
      const current = await next;
      if (step + 1 < steps) next = batch(step + 1);
      next.catch(() => undefined); // a failure is reported when it is awaited
      const now = await this.learn(current, cosineRate(step, steps, Math.min(WARMUP.most, Math.ceil(WARMUP.share * steps))));
      loss += (now - loss) / Math.min(++step, 50);
      let held: HeldOut | undefined;
      if (step % evaluateEvery === 0 || step === steps) {
        held = await this.evaluate();
        if (this.isBetter(held, best.held)) best = { held, step, arrays: copies(this.arrays) };
      }
      onProgress?.({ step, steps, loss, held, first, best: best.held });
      if (performance.now() > keepFrom) await keep();
    }
    restore(this.arrays, best.arrays);
    return { steps: step, bestStep: best.step, first, best: best.held, step: this.step };
  }

  /** Nearer to the original, and with no fewer of its predictions than chance may take. */
  private isBetter(held: HeldOut, best: HeldOut): boolean {
    const samples = this.options.held.reduce((sum, { count }) => sum + count, 0), share = best.agreement ?? 1;
    return held.loss < best.loss && (held.agreement ?? 1) >= share - Math.sqrt(share * (1 - share) / samples);
  }

  /** How many steps go into a time, samples and looks at those held out included. */
  private async stepsIn(seconds: number): Promise<number> {
    const { batch, signal, evaluateEvery } = this.options, begun = performance.now();
    await this.evaluate();
    const look = (performance.now() - begun) / 1000;
    let started = 0;
    for (let step = 0; step < TIMED.after + TIMED.steps; step++) {
      throwIfCancelled(signal);
      if (step === TIMED.after) started = performance.now();
      await this.forwardAndBack(await batch(step));
    }
    return Math.max(1, Math.floor(seconds / ((performance.now() - started) / 1000 / TIMED.steps + look / evaluateEvery)));
  }

  private forwardAndBack({ samples, teacher }: TeachingBatch): Promise<Record<string, Tensor>> {
    const { network, mode } = this.options;
    const inputs: Record<string, Tensor> = { ...this.given(), [network.input]: samples, ...(mode.statistics === "fixed" ? this.statistics.feeds() : {}) };
    teacher.forEach((output, i) => { inputs[teacherInput(i)] = output; });
    return this.session.run(inputs);
  }

  /** What is trained, as it stands. */
  private given(): Record<string, Tensor> {
    return Object.fromEntries(this.options.trainables.map((one) => [one.parameter.name, { dims: storedDims(one.parameter), data: one.values() }]));
  }

  /** One step. @returns the loss before it */
  private async learn(batch: TeachingBatch, rate: number): Promise<number> {
    const { trainables, mode } = this.options, { step, statistics } = this, results = await this.forwardAndBack(batch), tuned = new Set(step.tuned);
    for (const trainable of trainables) if (tuned.has(trainable.parameter.name)) trainable.learn(results[gradientOutput(trainable.parameter.name)].data, rate);
    if (mode.statistics === "batch") statistics.follow(results);
    release(step.tuned.map((name) => results[gradientOutput(name)].data));
    return results[LOSS].data[0];
  }

  private async evaluate(): Promise<HeldOut> {
    const { network, held, objective, signal } = this.options, isClassifier = objective.kind !== "squaredError", temperature = objective.kind === "distillation" ? objective.temperature : 1, given = { ...this.given(), ...this.statistics.feeds() };
    let sum = 0, energy = 0, agreed = 0, all = 0;
    for (const { samples, teacher, count } of held) {
      throwIfCancelled(signal);
      const results = await this.evaluation.run({ ...given, [network.input]: samples });
      all += count;
      teacher.forEach(({ data: t, dims }, output) => {
        const { data: s } = results[forwardOutput(output)], size = t.length / dims[0];
        for (let i = 0; i < count; i++) {
          const p = t.subarray(i * size, (i + 1) * size), q = s.subarray(i * size, (i + 1) * size);
          if (isClassifier) {
            sum += temperature ** 2 * divergence(p.map((v) => v / temperature), q.map((v) => v / temperature));
            if (argMax(p) === argMax(q)) agreed++;
          } else {
            for (let j = 0; j < size; j++) { sum += (p[j] - q[j]) ** 2; energy += p[j] ** 2; }
          }
        }
      });
    }
    return isClassifier ? { loss: sum / all, agreement: agreed / all } : { loss: sum / (energy || 1) };
  }
}

const copies = (arrays: readonly (Float32Array | Int32Array)[]): (Float32Array | Int32Array)[] => arrays.map((array) => array.slice());

const fits = (arrays: readonly ArrayLike<number>[], like: readonly ArrayLike<number>[]): boolean => arrays.length === like.length && arrays.every(({ length }, i) => length === like[i].length);

function restore(arrays: readonly (Float32Array | Int32Array)[], from: readonly (Float32Array | Int32Array)[]): void {
  arrays.forEach((array, i) => { array.set(from[i]); });
}
