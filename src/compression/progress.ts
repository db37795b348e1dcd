import type { LayersDone, Progress, TuningDone } from "../protocol/api";

/** Share of a job's time that each stage takes, roughly; corrected by what is measured. */
const STAGES: Readonly<Record<string, number>> = { read: 0.03, sensitivity: 0.44, fit: 0.41, calibrate: 0.02, write: 0.02, evaluate: 0.08 };
/** The same with a training, which takes most of it. */
const TUNED: Readonly<Record<string, number>> = { read: 0.01, sensitivity: 0.1, fit: 0.1, tune: 0.75, calibrate: 0.01, write: 0.01, evaluate: 0.02 };
/** Where each layer is tried as integers, alone and left out: ratings are known by then. */
const DIAGNOSED: Readonly<Record<string, number>> = { read: 0.05, sensitivity: 0.05, fit: 0.2, calibrate: 0.64, write: 0.01, evaluate: 0.05 };
const KINDS = { plain: STAGES, tuned: TUNED, diagnosed: DIAGNOSED };
/** What taking channels away takes beside all else. */
const PRUNING: Record<keyof typeof KINDS, number> = { plain: 0.4, tuned: 0.1, diagnosed: 0.2 };

/** Before so much is done and so many seconds have gone, and behind the last few hundredths, nothing is said of the time left: it would be wrong. */
const LEAST_DONE = 0.08, LEAST_SECONDS = 3, MOST_DONE = 0.97;

/** Turns steps of stages into one fraction with an estimate of the time left, where there is a fair one. */
export class ProgressMeter {
  private readonly started: number;
  private readonly stages: [stage: string, share: number][];
  private fraction = 0;
  private turns = { at: 0, of: 1, way: "" };
  /** What users should know while it runs. */
  warning: string | undefined;

  /** @param kind what takes most of the job's time, if it is not what every job does @param prunes whether channels are taken away before anything is rated */
  constructor(private readonly report: (progress: Progress) => void, private readonly clock = () => performance.now(), private readonly kind: keyof typeof KINDS = "plain", prunes = false) {
    this.started = clock();
    const [first, ...rest] = Object.entries(KINDS[kind]), pruning = PRUNING[kind];
    this.stages = prunes ? [first, ["prune", pruning], ...rest.map(([stage, share]): [string, number] => [stage, share * (1 - pruning / (1 - first[1]))])] : [first, ...rest];
  }

  /** Plans and fits of a job are made in several ways, of which this is one. @param way what is done otherwise in it */
  turn(at: number, of: number, way: string): void { this.turns = { at, of, way }; }

  /** Seconds until a training begins, where what comes before it has come far enough to tell. */
  private untilTraining(now: number, elapsed: number): number | undefined {
    const all = this.stages.slice(0, this.stages.findIndex(([stage]) => stage === "tune")).reduce((sum, [, share]) => sum + share, 0), done = now / all;
    return done >= LEAST_DONE && done <= MOST_DONE ? elapsed / done * (1 - done) : undefined;
  }

  stage(name: string, text: string): void { this.step(name, text, 0); }

  /** @param done 0 to 1 within the stage */
  step(name: string, text: string, done: number, more: { layers?: LayersDone; tuning?: TuningDone; secondsLeft?: number } = {}): void {
    const { stages } = this, at = stages.findIndex(([stage]) => stage === name), before = stages.slice(0, Math.max(0, at)).reduce((sum, [, share]) => sum + share, 0);
    const one = before + (stages[at]?.[1] ?? 0) * done, fitted = stages.slice(0, stages.findIndex(([stage]) => stage === "fit") + 1).reduce((sum, [, share]) => sum + share, 0), { turns } = this;
    const isOfWay = one <= fitted && at >= 0, now = Math.min(1, isOfWay ? (turns.at * fitted + one) / turns.of : one), again = now < this.fraction; // a plan that missed its goal is followed by another
    this.fraction = Math.max(this.fraction, now);
    const elapsed = (this.clock() - this.started) / 1000, isFair = !again && now >= LEAST_DONE && now <= MOST_DONE && elapsed >= LEAST_SECONDS;
    // how long a training takes says nothing about what comes before it
    const secondsLeft = isFair && this.kind !== "tuned" ? elapsed / now * (1 - now) : undefined, toTraining = this.kind === "tuned" && !again && elapsed >= LEAST_SECONDS ? this.untilTraining(now, elapsed) : undefined;
    this.report({ stage: name, text: isOfWay && turns.way ? `${turns.way}: ${text}` : text, fraction: this.fraction, secondsLeft, ...(toTraining !== undefined && { secondsToTraining: toTraining }), ...(this.warning !== undefined && { warning: this.warning }), ...more });
  }
}
