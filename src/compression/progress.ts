import type { LayersDone, Progress } from "../protocol/api";

/** Share of a job's time that each stage takes, roughly; corrected by what is measured. */
const STAGES = ["read", "sensitivity", "fit", "write", "evaluate"] as const;
const WEIGHTS: Record<string, number> = { read: 0.03, sensitivity: 0.45, fit: 0.42, write: 0.02, evaluate: 0.08 };

/** Turns steps of stages into one fraction with an estimate of the time left. */
export class ProgressMeter {
  private readonly started = performance.now();
  private fraction = 0;

  constructor(private readonly report: (progress: Progress) => void) {}

  stage(name: string, text: string): void { this.step(name, text, 0); }

  /** @param done 0 to 1 within the stage */
  step(name: string, text: string, done: number, layers?: LayersDone): void {
    const before = STAGES.slice(0, STAGES.indexOf(name as (typeof STAGES)[number])).reduce((sum, stage) => sum + WEIGHTS[stage], 0);
    this.fraction = Math.max(this.fraction, Math.min(1, before + (WEIGHTS[name] ?? 0) * done));
    const elapsed = (performance.now() - this.started) / 1000;
    const secondsLeft = this.fraction > 0.05 && elapsed > 1 ? elapsed / this.fraction * (1 - this.fraction) : undefined;
    this.report({ stage: name, text, fraction: this.fraction, secondsLeft, ...(layers && { layers }) });
  }
}
