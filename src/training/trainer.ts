import type { Device } from "../protocol/api";
import type { Trial } from "./device";
import { throwIfCancelled } from "../protocol/errors";
import type { Runtime, Session, Tensor } from "../runtime/runtime";
import { storedDims } from "./graph";
import { foldNormalizations } from "./fold";
import type { Network } from "./network";
import type { Objective } from "./objective";
import type { TraceMode } from "./operator";
import { release } from "./release";
import type { SimulatedGrids } from "./simulated";
import { RunningStatistics } from "./statistics";
import { buildForward, buildStep, forwardOutput, gradientOutput, LOSS, type Step } from "./step";
import type { Trainable } from "./trainable";

/** What comes into a graph, by name. */
export type Inputs = Record<string, Tensor>;
export type Arrays = (Float32Array | Int32Array)[];

/** A step of so many. */
interface At { step: number; steps: number }
/** How far a training has come; the loss is that of the last steps. */
export interface Progress extends At { loss: number }
/** What a training is at a step: enough to go on to the same end. */
export interface TrainingState extends Progress { arrays: Arrays }

export interface TrainerOptions {
  runtime: Runtime;
  device?: Device;
  threads?: number;
  network: Network;
  /** The network as it is judged, where that is another than the one that is trained: with the same values under the same names. */
  judged?: Network;
  trainables: readonly Trainable[];
  objective: Objective;
  statistics: TraceMode["statistics"];
  /** What its operators of simulated quantization go by, where it has some. */
  simulated?: SimulatedGrids;
  /** What comes in with a step beside the trained tensors: samples and what they teach. The same for the same step. */
  inputs(step: number): Promise<Inputs>;
  /** The rate of a step, as a share of the highest. */
  rate(step: number, steps: number): number;
  /** Cancels everything. */
  signal?: AbortSignal;
  /** Ends the training. */
  stop?: AbortSignal;
}

/** Who follows a training. */
export interface Watch {
  afterStep?(progress: Progress): Promise<void> | void;
  keep?(state: TrainingState): Promise<void>;
}

/** Steps that tell how long one takes: some that are not timed, and those that are. */
const TIMED = { after: 2, steps: 8 };
/** Checkpoints take at most this share of the time. */
const KEEPING = 0.02;
/** Steps whose losses the reported one is about the mean of. */
const SMOOTHED = 50;

/** Trains some tensors of a network, step by step. Open it first, and close it in the end. */
export class Trainer {
  /** Means and variances of the batch normalizations, by the names of their constants. */
  readonly statistics: RunningStatistics;
  readonly step: Step;
  /** The network with statistics that it has. */
  private readonly folded: Network;
  private session!: Session;
  private evaluation!: Session;

  constructor(private readonly options: TrainerOptions) {
    const { network, objective } = options;
    this.statistics = new RunningStatistics(network);
    this.folded = foldNormalizations(network);
    this.step = this.isFixed ? buildStep(this.folded, { parameters: this.parameters, given: this.known, objective, mode: this.mode("fixed") }) : buildStep(network, { parameters: this.parameters, given: this.options.simulated?.parameters, objective, mode: this.mode("batch") });
  }

  async open(): Promise<void> {
    this.session = await this.openModel(this.step.model);
    this.evaluation = await this.openModel(buildForward(this.options.judged ? foldNormalizations(this.options.judged) : this.folded, { parameters: this.parameters, given: this.known, mode: this.mode("fixed") }));
  }

  async close(): Promise<void> {
    await this.session.release();
    await this.evaluation.release();
  }

  /** All that is trained, and what follows it: the same arrays every time. */
  get arrays(): Arrays { return [...this.options.trainables.flatMap(({ state }) => state), ...this.statistics.state, ...this.options.simulated?.state ?? []]; }

  /** Becomes what a training of the same tensors was. @returns whether it was one */
  restore(from: Arrays): boolean {
    const { arrays } = this, fits = arrays.length === from.length && arrays.every(({ length }, i) => length === from[i].length);
    if (fits) arrays.forEach((array, i) => { array.set(from[i]); });
    return fits;
  }

  /** Takes steps until all are taken, or it is stopped. @returns how far it has come */
  async run({ step, steps, loss }: Progress, { afterStep, keep }: Watch = {}): Promise<Progress> {
    const { signal, stop, rate } = this.options;
    let next = this.inputsAhead(step), keepFrom = 0;
    while (step < steps && !stop?.aborted) {
      throwIfCancelled(signal);
      const current = await next;
      if (step + 1 < steps) next = this.inputsAhead(step + 1);
      const now = await this.learn(current, { step, steps }, rate(step, steps));
      loss += (now - loss) / Math.min(++step, SMOOTHED);
      await afterStep?.({ step, steps, loss });
      const begun = performance.now();
      if (!keep || begun < keepFrom) continue;
      await keep({ step, steps, loss, arrays: this.arrays });
      keepFrom = performance.now() + (performance.now() - begun) / KEEPING;
    }
    return { step, steps, loss };
  }

  /** How long a step takes, its inputs included. What it has learned is forgotten again. */
  async secondsPerStep(): Promise<number> {
    const { inputs, signal } = this.options, before = this.arrays.map((array) => array.slice());
    let started = 0;
    for (let step = 0; step < TIMED.after + TIMED.steps; step++) {
      throwIfCancelled(signal);
      if (step === TIMED.after) started = performance.now();
      await this.learn(await inputs(step), { step, steps: Infinity }, 0);
    }
    const seconds = (performance.now() - started) / 1000 / TIMED.steps;
    this.restore(before);
    return seconds;
  }

  /** The first step as it would be, and how long one takes if that is asked for. */
  async trial(isTimed: boolean): Promise<Trial> {
    const results = await this.session.run(this.feeds(await this.options.inputs(0), { step: 0, steps: Infinity })), gradients = this.step.tuned.map((name) => results[gradientOutput(name)].data);
    return { gradients, seconds: isTimed ? await this.secondsPerStep() : 0 };
  }

  /** What the network as it stands makes of samples: its outputs, by its running statistics. */
  predictor(): (samples: Tensor) => Promise<Tensor[]> {
    const { network: { input, outputs } } = this.options, given = { ...this.given(), ...this.statistics.feeds(), ...this.options.simulated?.feeds() };
    return async (samples) => {
      const results = await this.evaluation.run({ ...given, [input]: samples });
      return outputs.map((_, i) => results[forwardOutput(i)]);
    };
  }

  /** Replaces the running statistics by those that the network as it stands has over the samples of the first `steps` steps. */
  async estimateStatistics(steps: number): Promise<void> {
    const { network, network: { input }, inputs } = this.options, given = this.given();
    const session = await this.openModel(buildForward(network, { parameters: this.parameters, mode: this.mode("batch") }));
    async function* batches(): AsyncIterable<Inputs> {
      for (let step = 0; step < steps; step++) yield session.run({ ...given, [input]: (await inputs(step))[input] });
    }
    try {
      await this.statistics.estimate(batches());
    } finally {
      await session.release();
    }
  }

  private get isFixed(): boolean { return this.options.statistics === "fixed"; }

  /** GPUs compute convolutions as they are, in their usual order. */
  private mode(statistics: TraceMode["statistics"]): TraceMode {
    const { device = "cpu" } = this.options;
    return { statistics, layout: device === "cpu" ? "pixels" : "plain" };
  }

  /** What comes in beside samples and what is trained. */
  private get known() { return [...this.statistics.parameters, ...this.options.simulated?.parameters ?? []]; }

  private get parameters() { return this.options.trainables.map(({ parameter }) => parameter); }

  private openModel(model: Uint8Array): Promise<Session> {
    const { runtime, threads, device } = this.options;
    return runtime.open(model, { threads, device, isTraining: true });
  }

  private inputsAhead(step: number): Promise<Inputs> {
    const inputs = this.options.inputs(step);
    inputs.catch(() => undefined); // a failure is reported when it is awaited
    return inputs;
  }

  /** What is trained, as it stands, or as a step sees it. */
  private given(step?: number): Inputs {
    return Object.fromEntries(this.options.trainables.map((one) => [one.parameter.name, { dims: storedDims(one.parameter), data: step === undefined ? one.values() : one.varied?.(step) ?? one.values() }]));
  }

  private feeds(inputs: Inputs, at: At): Inputs { return { ...this.given(at.step), ...inputs, ...(this.isFixed ? this.statistics.feeds() : {}), ...this.options.simulated?.feeds(at) }; }

  /** One step. @returns the loss before it */
  private async learn(inputs: Inputs, at: At, rate: number): Promise<number> {
    const { options: { trainables, simulated }, step, statistics } = this, tuned = new Set(step.tuned), tried = await this.lossOfLeaps(inputs, at);
    const results = await this.session.run(this.feeds(inputs, at));
    for (const trainable of trainables) if (tuned.has(trainable.parameter.name)) trainable.learn(results[gradientOutput(trainable.parameter.name)].data, rate);
    if (!this.isFixed) statistics.follow(results);
    simulated?.follow(results, rate);
    const [loss] = results[LOSS].data;
    release(Object.values(results).map(({ data }) => data));
    if (tried !== undefined) for (const one of trainables) one.judge?.(tried < loss);
    return loss;
  }

  /** What a step's samples lose with all leaps that are made before it, which are taken back again; undefined where there are none. */
  private async lossOfLeaps(inputs: Inputs, at: At): Promise<number | undefined> {
    const { trainables } = this.options, leaping = trainables.filter((one) => one.leap?.());
    if (!leaping.length) return undefined;
    const results = await this.session.run(this.feeds(inputs, at)), [loss] = results[LOSS].data;
    release(Object.values(results).map(({ data }) => data));
    for (const one of leaping) one.swap!();
    return loss;
  }
}
