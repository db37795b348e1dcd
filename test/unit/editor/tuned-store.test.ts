import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isOwnResult, keepFidelity, keepOrigin, keepTuning, keptFidelity, keptTuning } from "../../../src/editor/tuned-store";

let home: string, original: string, compressed: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), "kernelscope-tuned-"));
  [original, compressed] = ["a.onnx", "a.small.onnx"].map((name) => path.join(home, name));
  for (const file of [original, compressed]) writeFileSync(file, "model");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A workspace's memory. */
function memento() {
  const values = new Map<string, unknown>();
  function get<Value>(key: string): Value | undefined;
  function get<Value>(key: string, otherwise: Value): Value;
  function get(key: string, otherwise?: unknown) { return values.get(key) ?? otherwise; }
  return { get, keys: () => [...values.keys()], update: async (key: string, value: unknown) => { if (value === undefined) values.delete(key); else values.set(key, structuredClone(value)); } };
}
const fidelity = { samples: 98, agreement: 0.95, kl: 0.02, reference: { top1: 0.92 }, compressed: { top1: 0.91 } };

test("what a compression measured is kept with its interval until one of the two files is another", async () => {
  const state = memento();
  await keepFidelity(state, original, compressed, fidelity);
  const found = await keptFidelity(state, original, compressed);
  expect(found).toMatchObject(fidelity);
  expect(found?.interval?.[0]).toBeCloseTo(0.886, 2);
  expect(await keptFidelity(state, compressed, original)).toBeUndefined();
  for (const file of [original, compressed]) {
    await keepFidelity(state, original, compressed, fidelity);
    expect(await keptFidelity(state, original, compressed)).toBeDefined();
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    expect(await keptFidelity(state, original, compressed)).toBeUndefined();
  }
});

test("of another model, or after a compression that measured nothing, there are no figures", async () => {
  const state = memento(), other = path.join(home, "b.onnx");
  writeFileSync(other, "model");
  await keepFidelity(state, original, compressed, fidelity);
  expect(await keptFidelity(state, other, compressed)).toBeUndefined();
  await keepFidelity(state, original, compressed, undefined);
  expect(await keptFidelity(state, original, compressed)).toBeUndefined();
  expect(state.keys()).toEqual([]);
});

test("a training's report stands beside it", async () => {
  const state = memento(), report = { steps: 10, bestStep: 8, before: { loss: 1 }, after: { loss: 0.5 }, samples: 61, device: "cpu" as const };
  await keepTuning(state, compressed, report);
  await keepFidelity(state, original, compressed, fidelity);
  expect(await keptTuning(state, compressed)).toEqual(report);
});

test("a recipe replaces what it made itself without a question, but nothing that another has made, that was trained or that has changed since", async () => {
  const state = memento(), recipe = "/w/a.kernelscope.json";
  expect(await isOwnResult(state, compressed, recipe)).toBe(false);
  await keepOrigin(state, compressed, recipe, false);
  expect(await isOwnResult(state, compressed, recipe)).toBe(true);
  expect(await isOwnResult(state, compressed, "/w/b.kernelscope.json")).toBe(false);
  await keepOrigin(state, compressed, recipe, true);
  expect(await isOwnResult(state, compressed, recipe)).toBe(false);
  await keepOrigin(state, compressed, recipe, false);
  utimesSync(compressed, new Date(), new Date(Date.now() + 5000));
  expect(await isOwnResult(state, compressed, recipe)).toBe(false);
  await keepOrigin(state, compressed, undefined, false); // from a model's page
  expect(await isOwnResult(state, compressed, recipe)).toBe(false);
});
