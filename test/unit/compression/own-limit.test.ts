import { expect, test } from "vitest";
import { underOwnLimit } from "../../../src/compression/lean/lean";
import { moreChannels } from "../../../src/compression/plan";

test("a file takes what it would under its own limit: what is too little for a large one is worth it in a small one", () => {
  const names = (isDone: boolean) => [{ savedBytes: 500, worth: 0.01, isDone }];
  expect([20_000, 49_900, 50_000, 60_000].map((bytes) => underOwnLimit(bytes, names(true)))).toEqual([20_000, 49_900, 50_500, 60_500]);
  expect([20_500, 50_400, 50_500, 60_500].map((bytes) => underOwnLimit(bytes, names(false)))).toEqual([20_000, 49_900, 50_500, 60_500]);
  expect(underOwnLimit(7000, [])).toBe(7000);
});

test("how a file gets smaller is said as long as there is a way", () => {
  expect([undefined, 0.5, 0.9, 0.95].map(moreChannels)).toEqual([' Fewer channels make smaller files: --prune 50%, or "prune": { "compute": 0.5 } in a recipe.', ' Fewer still make smaller files: --prune 75%, or "prune": { "compute": 0.75 } in a recipe.', ' Fewer still make smaller files: --prune 95%, or "prune": { "compute": 0.95 } in a recipe.', ""]);
});
