import { divergence, argMax } from "../evaluation/metrics";
import type { Range } from "../evaluation/ranges";
import { throwIfCancelled } from "../protocol/errors";
import type { Device, TuningDone } from "../protocol/api";
import type { HeldOut } from "../protocol/report";
import type { Tensor } from "../runtime/runtime";
import { LABELS, teacherInput } from "./objective";
import { cosineRate } from "./optimizer";
import type { Trial } from "./device";
import type { Step } from "./step";
import { Trainer, type Arrays, type Inputs, type TrainerOptions, type TrainingState } from "./trainer";

/** Samples of a step, what the original makes of them, and their classes as rows with a single one. */
export interface TeachingBatch { samples: Tensor; teacher: Tensor[]; labels?: Tensor }
/** The first `count` of them are looked at. */
export interface HeldOutBatch extends TeachingBatch { count: number }

/** What a tuning is at a step: enough to go on to the same end. */
export interface TunerState extends TrainingState { best: { held: HeldOut; step: number; arrays: Arrays }; first: HeldOut; device: Device; every: number; /** How many times the rate was lowered. */ lowered: number }

/** A stop ends the training; the best so far is kept. */
export interface TunerOptions extends Omit<TrainerOptions, "inputs" | "rate"> {
  /** The samples of a step; the same for the same step. */
  batch(step: number): Promise<TeachingBatch>;
  held: readonly HeldOutBatch[];
  /** Steps, or seconds that are turned into steps once the first have been timed. */
  length: { steps: number } | { seconds: number };
  /** How often the held-out samples are looked at, as a rule. */
  looks: number;
  onProgress?(progress: TuningDone): void;
  checkpoint?: { load(): Promise<TunerState | undefined>; save(state: TunerState): Promise<void> };
}

export interface TuneResult {
  steps: number;
  /** How many it would have been. */
  planned: number;
  bestStep: number;
  first: HeldOut;
  best: HeldOut;
  step: Step;
  /** What simulated grids show at the best. */
  ranges?: ReadonlyMap<string, Range>;
}

/** Looks take at most about this share of the time. */
const LOOKING = 0.15;
/** What samples take that are looked at, as a share of what as many take in a step. */
const FORWARD = 0.35;
/** Share of the steps in which the rate rises, and how many steps at most. */
const WARMUP = { share: 0.05, most: 100 };
/** A loss so many times the best is no detour: the rate is too high, and is lowered to a share of itself. */
const RUNAWAY = { times: 2, lower: 0.3 };
/** Looks in the steps up to the first of all, so that few are lost where the rate is too high from the beginning. */
const EARLY = 4;

/** Trains some tensors of a network so that it does what the original does, and leaves them as they were at their best. */
export class Tuner {
  private readonly trainer: Trainer;
  private lowered = 0;

  constructor(private readonly options: TunerOptions) {
    const { network: { input }, batch } = options;
    this.trainer = new Trainer({ ...options, inputs: async (step) => inputsOf(await batch(step), input), rate: (step, steps) => RUNAWAY.lower ** this.lowered * rate(step, steps) });
  }

  run(): Promise<TuneResult> { return this.opened(() => this.train()); }

  /** How long the training would be, and what it would begin with. */
  survey(): Promise<{ course: { steps: number; every: number }; before: HeldOut }> { return this.opened(async () => ({ before: await this.evaluate(), course: await this.course() })); }

  /** What a step is like here; nothing is learned. */
  trial(isTimed: boolean): Promise<Trial> { return this.opened(() => this.trainer.trial(isTimed)); }

  private async opened<T>(work: () => Promise<T>): Promise<T> {
    await this.trainer.open();
    try {
      return await work();
    } finally {
      await this.trainer.close();
    }
  }

  private async train(): Promise<TuneResult> {
    const { options: { checkpoint, device = "cpu", onProgress }, trainer } = this, kept = await checkpoint?.load(), known = kept && trainer.restore(kept.arrays) ? kept : undefined;
    const first = known?.first ?? await this.evaluate();
    let best = known?.best ?? { held: first, step: 0, arrays: copies(trainer.arrays) };
    const { steps, every } = known ?? await this.course(), start = { step: known?.step ?? 0, steps, loss: known?.loss ?? 0 };
    this.lowered = known?.lowered ?? 0;
    const keep = async (state: TrainingState) => { await checkpoint?.save({ ...state, best, first, device, every, lowered: this.lowered }); };
    if (!known) await keep({ ...start, arrays: trainer.arrays });
    const { step } = await trainer.run(start, {
      keep,
      afterStep: async ({ step, loss }) => {
        let held: HeldOut | undefined;
        if (step % (step < every ? Math.ceil(every / EARLY) : every) === 0 || step === steps) {
          held = await this.evaluate();
          if (isNearer(held, best.held, this.options.held)) best = { held, step, arrays: copies(trainer.arrays) };
          else if (step < steps && !(held.loss <= RUNAWAY.times * best.held.loss)) {
            trainer.restore(best.arrays);
            this.lowered++;
          }
        }
        onProgress?.({ step, steps, loss, held, first, best: best.held });
      },
    });
    trainer.restore(best.arrays);
    return { steps: step, planned: steps, bestStep: best.step, first, best: best.held, step: trainer.step, ranges: this.options.simulated?.ranges };
  }

  /** How many steps are taken, and after how many each the held-out samples are looked at; a time is turned into both. */
  private async course(): Promise<{ steps: number; every: number }> {
    const { length, looks, held } = this.options, at = (steps: number, times: number) => ({ steps, every: Math.ceil(steps / times) });
    if ("steps" in length) return at(length.steps, Math.max(1, Math.min(looks, Math.floor(LOOKING * length.steps / (FORWARD * held.length)))));
    const begun = performance.now();
    await this.evaluate();
    const look = (performance.now() - begun) / 1000, times = Math.max(1, Math.min(looks, Math.floor(LOOKING * length.seconds / look)));
    return at(Math.max(1, Math.floor((length.seconds - times * look) / await this.trainer.secondsPerStep())), times);
  }

  private async evaluate(): Promise<HeldOut> {
    const { held, objective, signal } = this.options, isClassifier = objective.kind !== "squaredError", temperature = objective.kind === "distillation" ? objective.temperature : 1, predict = this.trainer.predictor();
    let sum = 0, energy = 0, agreed = 0, all = 0;
    for (const { samples, teacher, count } of held) {
      throwIfCancelled(signal);
      const outputs = await predict(samples);
      all += count;
      teacher.forEach(({ data: t, dims }, output) => {
        const { data: s } = outputs[output], size = t.length / dims[0];
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

/** Nearer to the original, and with no fewer of its predictions than chance may take. */
export function isNearer(held: HeldOut, best: HeldOut, batches: readonly HeldOutBatch[]): boolean {
  const samples = batches.reduce((sum, { count }) => sum + count, 0), share = best.agreement ?? 1;
  return held.loss < best.loss && (held.agreement ?? 1) >= share - Math.sqrt(share * (1 - share) / samples);
}

/** What comes into a step. */
export function inputsOf({ samples, teacher, labels }: TeachingBatch, input: string): Inputs {
  return { [input]: samples, ...(labels && { [LABELS]: labels }), ...Object.fromEntries(teacher.map((output, i) => [teacherInput(i), output])) };
}

const rate = (step: number, steps: number): number => cosineRate(step, steps, Math.min(WARMUP.most, Math.ceil(WARMUP.share * steps)));

const copies = (arrays: Arrays): Arrays => arrays.map((array) => array.slice());
