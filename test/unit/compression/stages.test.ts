import { expect, test } from "vitest";
import { looseRate, stagesOf } from "../../../src/compression/stages";

const order = [3, 0, 2, 1], sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

test("all layers at once are one part, and noise puts one without any before it", () => {
  expect(stagesOf(order, 100, {})).toEqual([{ quantized: order, steps: 100 }]);
  const [first, second] = stagesOf(order, 100, { noise: { kind: "zero", p: 0.1 } });
  expect(first.quantized).toEqual([]);
  expect(second.quantized).toEqual(order);
  expect(first.steps + second.steps).toBe(100);
  expect(first.steps).toBeGreaterThan(0);
});

test.each([undefined, { kind: "codeword", p: 0.1 } as const])("layer after layer takes all of them in their order, and all of the steps (noise %j)", (noise) => {
  for (const [layers, steps] of [[4, 100], [1, 10], [50, 300], [7, 3]]) {
    const all = Array.from({ length: layers }, (_, i) => layers - 1 - i), stages = stagesOf(all, steps, { schedule: "iterative", noise });
    expect(stages.flatMap(({ quantized }) => quantized)).toEqual(all);
    expect(sum(stages.map((stage) => stage.steps))).toBe(steps);
    expect(stages.at(-1)!.quantized.length).toBeGreaterThan(0);
    expect(stages[0].quantized.length === 0).toBe(noise !== undefined);
  }
});

test("the rate rises when a part begins, and stays where another one follows", () => {
  expect([0, 4, 50].map((step) => looseRate(step, 100, true))).toEqual([0.2, 1, 1]);
  expect(looseRate(99, 100, false)).toBeLessThan(0.01);
});
