import type { LayersDone, Progress } from "../protocol/api";

/** Share of a job's time that each stage takes, roughly; corrected by what is measured. */
const STAGES = ["read", "sensitivity", "fit", "write", "evaluate"] as const;
const WEIGHTS: Record<string, number> = { read: 0.03, sensitivity: 0.45, fit: 0.42, write: 0.02, evaluate: 0.08 };

/** Before so much is done and so many seconds have gone, and behind the last few hundredths, nothing is said of the time left: it would be wrong. */
const LEAST_DONE = 0.08, LEAST_SECONDS = 3, MOST_DONE = 0.97;

/** Turns steps of stages into one fraction with an estimate of the time left, where there is a fair one. */
export class ProgressMeter {
  private readonly started: number;
  private fraction = 0;

  constructor(private readonly report: (progress: Progress) => void, private readonly clock = () => performance.now()) { this.started = clock(); }

  stage(name: string, text: string): void { this.step(name, text, 0); }

  /** @param done 0 to 1 within the stage */
  step(name: string, text: string, done: number, layers?: LayersDone): void {
    const before = STAGES.slice(0, STAGES.indexOf(name as (typeof STAGES)[number])).reduce((sum, stage) => sum + WEIGHTS[stage], 0);
    const now = Math.min(1, before + (WEIGHTS[name] ?? 0) * done), again = now < this.fraction; // a plan that missed its goal is followed by another
    this.fraction = Math.max(this.fraction, now);
    const elapsed = (this.clock() - this.started) / 1000, isFair = !again && now >= LEAST_DONE && now <= MOST_DONE && elapsed >= LEAST_SECONDS;
    const secondsLeft = isFair ? elapsed / now * (1 - now) : undefined;
    this.report({ stage: name, text, fraction: this.fraction, secondsLeft, ...(layers && { layers }) });
  }
}
