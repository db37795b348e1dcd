import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MeasuredStore } from "../../../src/editor/measured-store";
import type { Measured } from "../../../src/protocol/accuracy";

let home: string;
beforeEach(() => { home = mkdtempSync(path.join(os.tmpdir(), "kernelscope-measured-")); });
afterEach(() => rmSync(home, { recursive: true, force: true }));

const figures = (samples: number): Measured => ({
  samples, total: 500, device: "cpu", flips: [], deviations: [], notes: ["a note"], warnings: [],
  outputs: [{ name: "y", relativeError: 0.1, meanError: 0, largestError: 1, size: 2, sqnrDb: undefined, map: { height: 1, width: 2, cell: [1, 1], values: Float32Array.of(0.25, Infinity) } }],
});

test("figures come back as they were, under their own key alone", async () => {
  const store = new MeasuredStore(path.join(home, "measured"));
  await store.save("a", figures(100));
  await store.save("a", figures(500));
  expect(await new MeasuredStore(path.join(home, "measured")).load("a")).toEqual(figures(500));
  expect(await store.load("b")).toBeUndefined();
});

test("what is cut off, or no figures, is not there; without a folder nothing is kept", async () => {
  const folder = path.join(home, "measured"), store = new MeasuredStore(folder);
  await store.save("a", figures(500));
  const [file] = readdirSync(folder);
  for (const content of [Buffer.of(255, 15, 111), Buffer.from("{}")]) {
    writeFileSync(path.join(folder, file), content);
    expect(await store.load("a")).toBeUndefined();
  }
  const nowhere = new MeasuredStore(undefined);
  await nowhere.save("a", figures(500));
  expect(await nowhere.load("a")).toBeUndefined();
});

test("the pairs measured last are remembered", async () => {
  const folder = path.join(home, "measured"), store = new MeasuredStore(folder), MANY = 60;
  for (let i = 0; i < MANY; i++) {
    await store.save(`pair ${i}`, figures(i));
    if (i === 0) utimesSync(path.join(folder, readdirSync(folder)[0]), new Date(0), new Date(0));
  }
  expect(readdirSync(folder).length).toBeLessThan(MANY);
  expect(await store.load("pair 0")).toBeUndefined();
  expect(await store.load(`pair ${MANY - 1}`)).toEqual(figures(MANY - 1));
});
