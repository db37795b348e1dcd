import { expect, test } from "vitest";
import { follow } from "../../../src/commands/course";
import type { TrainingCourse } from "../../../src/protocol/page";

const first = { loss: 1, agreement: 0.9 };

/** A training of so many steps: it looks every 10, and is best at step 70. */
function run(steps: number, course?: TrainingCourse, from = 0): TrainingCourse | undefined {
  let best = { loss: 1, agreement: 0.9 };
  for (let step = from + 1; step <= steps; step++) {
    const held = step % 10 === 0 ? { loss: 0.1 + Math.abs(step - 70) / 1e6, agreement: 0.95 } : undefined;
    if (held && held.loss < best.loss) best = held;
    course = follow(course, { step, steps, loss: 1 / step, held, first, best });
  }
  return course;
}

test("a training's course keeps its first, last and best points, and no more than a chart can show", () => {
  const course = run(20_000)!;
  expect(course.losses.length).toBeLessThan(400);
  expect(course.held.length).toBeLessThan(120);
  expect([course.losses[0], course.losses[course.losses.length - 1]]).toEqual([[1, 1], [20_000, 1 / 20_000]]);
  expect(course.best).toEqual({ loss: 0.1, agreement: 0.95, step: 70 });
  expect(course.held).toContainEqual(course.best);
  expect(course.held[course.held.length - 1].step).toBe(20_000);
});

test("a training that goes on from a checkpoint takes the place of what was behind it", () => {
  const course = run(60, run(100), 40)!;
  expect(course.losses.map(([step]) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(course.held.map(({ step }) => step)).toEqual([10, 20, 30, 40, 50, 60]);
});

test("of a training that is joined late, the best before that has no step", () => {
  expect(follow(undefined, { step: 50, steps: 100, loss: 1, first, best: { loss: 0.5 } }).best).toEqual({ loss: 0.5, step: undefined });
  expect(follow(undefined, { step: 50, steps: 100, loss: 1, first, best: first }).best.step).toBe(0);
});

test("how many samples are held out is known once a job has told it", () => {
  const told = follow(undefined, { step: 1, steps: 10, loss: 1, first, best: first, samples: 61 });
  expect(told.samples).toBe(61);
  expect(follow(told, { step: 2, steps: 10, loss: 1, first, best: first }).samples).toBe(61);
});
