import { expect, test } from "vitest";
import { ProgressMeter } from "../../../src/compression/progress";
import type { Progress } from "../../../src/protocol/api";

test("time left is told where it is known, not at the start, the end, or while a plan is made again", () => {
  let now = 0, last: Progress | undefined;
  const meter = new ProgressMeter((progress) => { last = progress; }, () => now), at = (seconds: number, stage: string, done: number) => {
    now = 1000 * seconds;
    meter.step(stage, "", done);
    return last!;
  };
  expect(at(1, "sensitivity", 0.5).secondsLeft).toBeUndefined(); // too early to tell
  expect(at(10, "read", 1).secondsLeft).toBeUndefined(); // far behind where it was
  const half = at(20, "sensitivity", 1);
  expect(half.secondsLeft).toBeCloseTo(20 * (1 - half.fraction) / half.fraction, 6);
  const fitted = at(40, "fit", 1);
  expect(at(41, "fit", 0.2)).toMatchObject({ secondsLeft: undefined, fraction: fitted.fraction }); // planned again: the bar waits
  expect(at(50, "evaluate", 0.2).secondsLeft).toBeGreaterThan(0);
  expect(at(51, "evaluate", 0.9).secondsLeft).toBeUndefined(); // it would be wrong by more than it says
});

test("a diagnosis is most of the job that makes one, and time left is told of it", () => {
  let now = 0, last: Progress | undefined;
  const meter = new ProgressMeter((progress) => { last = progress; }, () => now, "diagnosed");
  const at = (seconds: number, stage: string, done: number) => { now = 1000 * seconds; meter.step(stage, "", done); return last!; };
  const begun = at(5, "fit", 1).fraction, half = at(10, "calibrate", 0.5);
  expect(half.fraction - begun).toBeGreaterThan(0.3);
  expect(half.secondsLeft).toBeCloseTo(10 * (1 - half.fraction) / half.fraction, 6);
});

test("a job that will train tells until when that begins, and not what the training takes", () => {
  let now = 0, last: Progress | undefined;
  const meter = new ProgressMeter((progress) => { last = progress; }, () => now, "tuned");
  const at = (seconds: number, stage: string, done: number) => { now = 1000 * seconds; meter.step(stage, "", done); return last!; };
  expect(at(1, "sensitivity", 0.1).secondsToTraining).toBeUndefined(); // too early to tell
  const half = at(10, "fit", 0);
  expect(half.secondsLeft).toBeUndefined();
  expect(half.secondsToTraining).toBeCloseTo(10 * 0.1 / 0.11, 6); // read and ratings are 0.11 of the 0.21 before it
  expect(at(20, "tune", 0.1).secondsToTraining).toBeUndefined();
  expect(at(30, "evaluate", 0.5).secondsToTraining).toBeUndefined();
});

test("while fewer channels are tried time left is told, too", () => {
  let now = 0, last: Progress | undefined;
  const meter = new ProgressMeter((progress) => { last = progress; }, () => now, "plain", true);
  const at = (seconds: number, stage: string, done: number) => { now = 1000 * seconds; meter.step(stage, "", done); return last!; };
  meter.turn(0, 4, "with all channels");
  at(10, "fit", 1);
  meter.turn(1, 4, "trying 25 % less to compute");
  const pruning = at(14, "prune", 0.5);
  expect(pruning.secondsLeft).toBeCloseTo(14 * (1 - pruning.fraction) / pruning.fraction, 6);
});
