import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import type { CompressRequest, Progress } from "../../src/protocol/api";
import { open as openModel } from "../unit/onnx/models";
import { readFloats } from "../../src/onnx/tensor";
import { nodeHost } from "../../src/worker/host";
import { bundle } from "../helpers/bundle";
import { RATINGS } from "../helpers/compress";
import { smallJob } from "../helpers/small";
import { KERNELS, TRAINED } from "../helpers/trained";

/** Whole jobs with a training. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-tune-"));
let script: string, small: ReturnType<typeof smallJob>;
const at = (...names: string[]) => path.join(folder, ...names);

/** For jobs whose training alone matters: nothing large is left to rate. */
const recipe = at("fixed.kernelscope.json"), layers = Object.fromEntries(KERNELS.map((id) => [id, { method: "kernel", options: { block: 9, words: 16 } }]));

beforeAll(() => {
  script = bundle("killed-job");
  small = smallJob(folder);
  writeFileSync(recipe, JSON.stringify({ target: "40KB", data: { limit: 64 }, layers }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compress(request: Partial<CompressRequest>, watch: (progress: Progress, stop: AbortController) => void = () => undefined) {
  const host = await nodeHost({ threads: 1, checkpoint: at("checkpoints"), ratings: RATINGS, scripts: path.resolve("dist") }), stop = new AbortController();
  try {
    return await compressModel({ ...TRAINED, threads: 1, device: "cpu", force: true, ...request }, host, (progress) => watch(progress, stop), undefined, stop.signal);
  } finally {
    await host.close();
  }
}

test("training comes nearer to the original, keeps to the target and tells how it gets on", async () => {
  const seen: Progress[] = [], report = await compress({ output: at("tuned.onnx"), target: "9KB", tune: "20steps" }, (progress) => { if (progress.tuning) seen.push(progress); });
  const { before, after, steps, bestStep } = report.tuning!;
  expect(steps).toBe(20);
  expect(bestStep).toBeLessThanOrEqual(20);
  expect(after.loss).toBeLessThanOrEqual(before.loss);
  expect(seen.at(-1)!.tuning!.loss).toBeLessThan(seen[0].tuning!.loss);
  expect(seen.map(({ tuning }) => tuning!.step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(seen.at(-1)!.tuning).toMatchObject({ steps: 20, first: before, best: after });
  expect(statSync(at("tuned.onnx")).size).toBeLessThanOrEqual(9_000);
  expect(report.layers.filter(({ skipped }) => skipped === undefined).every(({ method }) => method !== undefined)).toBe(true);
  const shorter = await compress({ output: at("shorter.onnx"), target: "9KB", tune: "6steps" }), { samples, agreement, loss } = report.tuning!.gain!;
  expect(samples).toBe(report.fidelity!.samples);
  expect(agreement!.after.value).toBe(report.fidelity!.agreement);
  expect(loss.after.value).toBeCloseTo(report.fidelity!.kl!, 6);
  expect([shorter.tuning!.gain!.loss.before, shorter.tuning!.gain!.agreement!.before]).toEqual([loss.before, agreement!.before]); // what is before a training does not depend on it
  expect(loss.before.value).not.toBe(loss.after.value);
});

test.each<Pick<CompressRequest, "schedule" | "noise">>([{ schedule: "iterative" }, { schedule: "joint" }, { noise: { kind: "zero", p: 0.1 } }])("in parts, as %j says, it counts all steps and ends no worse than it began", async (manner) => {
  const seen: Progress[] = [], report = await compress({ output: at("parts.onnx"), ...small, target: "20KB", tune: "20steps", ...manner }, (progress) => { if (progress.tuning) seen.push(progress); });
  const { before, after, steps } = report.tuning!;
  expect(steps).toBe(20);
  expect(seen.map(({ tuning }) => tuning!.step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(after.loss).toBeLessThanOrEqual(before.loss);
  expect(report.output.bytes).toBeLessThanOrEqual(20_000);
  const layers = seen.flatMap(({ tuning }) => tuning!.layers?.done ?? []);
  expect(seen[0].text).toMatch(/^step 1 of 20, [01] of \d+ layers quantized$/);
  expect(seen.at(-1)!.text).toMatch(/^step 20 of 20, agreement /);
  expect(layers).toEqual([...layers].sort((a, b) => a - b));
  expect(new Set(layers).size).toBe(manner.schedule === "iterative" ? report.layers.filter(({ skipped }) => skipped === undefined).length - 1 : 1);
});

test("a plan is learned together with weights that are integers", async () => {
  const { tuning, output, integers, layers } = await compress({ output: at("joint-integers.onnx"), ...small, target: "20KB", tune: "20steps", schedule: "joint", inference: "integer" });
  expect(tuning!.after.loss).toBeLessThanOrEqual(tuning!.before.loss);
  expect(output.bytes).toBeLessThanOrEqual(20_000);
  expect(integers!.floatConvolutions).toBe(0);
  expect(new Set(layers.map(({ method }) => method))).not.toContain(undefined);
});

test("a model is prepared: the same graph, its floats trained, and what compressing it comes to before and after", async () => {
  const report = await compress({ output: at("ready.onnx"), target: "32KB", tune: "6steps", noise: { kind: "codeword", p: 0.1 }, prepare: true }), { before, after, steps } = report.tuning!;
  expect(steps).toBe(6);
  expect(after.loss).not.toBe(before.loss);
  expect(after.agreement).toBeGreaterThan(before.agreement! - 0.1);
  expect(report.fidelity!.agreement).toBeGreaterThan(0.9);
  expect(report.layers.every(({ method, skipped }) => method === undefined && skipped === "Floats, trained to be compressed.")).toBe(true);
  const [original, ready] = await Promise.all([TRAINED.model, at("ready.onnx")].map(async (file) => openModel(readFileSync(file))));
  expect(ready.graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs])).toEqual(original.graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]));
  for (const [name, tensor] of original.graph.initializers) {
    const now = ready.graph.initializers.get(name)!;
    expect(now.dims).toEqual(tensor.dims);
    if (tensor.dims.length > 1) expect(await readFloats(ready, now), name).not.toEqual(await readFloats(original, tensor));
  }
  await expect(compress({ output: at("none.onnx"), prepare: true })).rejects.toThrow("takes training");
});

/** Ranges that clip much, and weights of few bits: only who sees that in training can do something about it. */
const few = { data: { limit: 64 }, layers: Object.fromEntries(KERNELS.map((id) => [id, { method: "integer", options: { bits: 3 } }])) };
const coarse = (integers: object = {}) => ({ ...few, inference: "integer", integers: { ranges: "percentile", percentile: 90, ...integers } });

test("integers are trained and judged as such: better where rounding is simulated, never worse, and written as they were trained", async () => {
  const run = async (name: string, recipe: object, more: Partial<CompressRequest> = {}) => {
    writeFileSync(at(`${name}.kernelscope.json`), JSON.stringify(recipe));
    return compress({ output: at(`${name}.onnx`), recipe: at(`${name}.kernelscope.json`), tune: "40steps", ...more });
  };
  const simulated = await run("simulated", coarse({ delay: 0.1 })), unaware = await run("unaware", coarse({ delay: 1 })), plain = await run("plain", few);
  for (const { tuning } of [simulated, unaware, plain]) expect(tuning!.after.loss).toBeLessThanOrEqual(tuning!.before.loss);
  // what is lost to clipping is seen before the first step already
  expect(unaware.tuning!.before).toEqual(simulated.tuning!.before);
  expect(simulated.tuning!.before.loss).toBeGreaterThan(2 * plain.tuning!.before.loss);
  expect(simulated.tuning!.after.loss).toBeLessThan(0.8 * unaware.tuning!.after.loss);
  expect(simulated.integers!.floatConvolutions).toBe(0);
  expect(simulated.fidelity!.agreement).toBeGreaterThan(unaware.fidelity!.agreement! - 0.03);
  const stopped = await run("stopped", coarse(), { tune: "1steps", schedule: "iterative" });
  expect(stopped.tuning!.after.loss).toBeLessThanOrEqual(stopped.tuning!.before.loss);
});

test("where nobody says so, rounding is learned if it makes much of what is lost", async () => {
  const words = Object.fromEntries(Object.keys(few.layers).map((id) => [id, { method: "kernel", options: { block: 9, words: 3 } }])), notes: string[][] = [];
  for (const [i, recipe] of [coarse(), { ...few, inference: "integer", layers: words }].entries()) {
    writeFileSync(at(`auto${i}.kernelscope.json`), JSON.stringify(recipe));
    notes.push((await compress({ output: at("auto.onnx"), recipe: at(`auto${i}.kernelscope.json`), tune: "1steps" })).notes!);
  }
  expect(notes[0]).toContainEqual(expect.stringMatching(/^Trained with activations rounded as in the file, from 20 % of the steps on: that makes \d+ % of what the network loses\.$/));
  expect(notes[1]).toContainEqual(expect.stringMatching(/^Trained with activations in floats, and judged with integers: rounding them makes 1?\d % of what the network loses\.$/));
});

test("labels are learned from where they are asked for", async () => {
  const losses: number[] = [], run = (labels: number) => compress({ output: at("labels.onnx"), target: "20KB", tune: "2steps", labels }, ({ tuning }) => { if (tuning?.step === 1) losses.push(tuning.loss); });
  const [few, many] = [await run(0.1), await run(0.9)];
  expect(many.notes!.filter((note) => note.includes("Labels"))).toEqual([]);
  expect(many.tuning!.before).toEqual(few.tuning!.before);
  // the original itself does not bring their cross-entropy to nothing, only the distance from itself
  expect(losses[1]).not.toBeCloseTo(losses[0], 3);
});

test("one Ctrl+C ends the training and keeps its best, a second one everything, from which the same command goes on", async () => {
  const run = async (interrupts: number, moment: RegExp, name = interrupts) => {
    const output = at(`interrupted-${name}.onnx`), child = spawn(process.execPath, [path.resolve("dist/cli.js"), "compress", TRAINED.model, "--data", TRAINED.data, "--recipe", recipe, "--tune", "1000steps", "--threads", "1", "--device", "cpu", "--checkpoint", at(`interrupted-${name}`), "-o", output]);
    let told = "", sent = 0;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      if (moment.test(told) && sent === 0) { sent++; child.kill("SIGINT"); }
      if (told.includes("Press Ctrl+C once more") && sent < interrupts) { sent++; child.kill("SIGINT"); }
    });
    const [code] = await once(child, "close") as [number | null];
    return { code, told, written: existsSync(output) };
  };
  const [ended, cancelled] = await Promise.all([run(1, /step \d/), run(2, /preparing the training/)]);
  expect(ended).toMatchObject({ code: 0, written: true, told: expect.stringContaining("Ending the training; its best is kept.") });
  expect(cancelled).toMatchObject({ code: 130, written: false });
  const [first, again] = [await run(2, /step [5-9]\d/, 3), await run(1, /step \d/, 3)];
  expect(first).toMatchObject({ code: 130, written: false });
  expect(first.told).not.toContain("goes on after");
  expect(again).toMatchObject({ code: 0, written: true, told: expect.stringMatching(/The training goes on after step \d+ of 1,000, which an earlier run of this command has kept\./) });
});

test.each<[string, Partial<CompressRequest>]>([["all layers at once", { tune: "10steps" }], ["integers", { tune: "24steps", inference: "integer" }], ["layer after layer, with noise", { tune: "12steps", schedule: "iterative", noise: { kind: "codeword", p: 0.2 } }], ["together with its plan", { tune: "8steps", schedule: "joint" }]])("killed again and again while it trains %s, it comes to the same file", (_name, manner) => {
  const request = { ...small, output: at("out.onnx"), threads: 1, device: "cpu", ...manner };
  const run = (moment: string) => spawnSync(process.execPath, [script, moment, at("jobs"), JSON.stringify(request)], { encoding: "utf8" });
  const finish = (): Buffer => {
    expect(run("never")).toMatchObject({ status: 0, stderr: "" });
    const bytes = readFileSync(at("out.onnx"));
    rmSync(at("out.onnx"));
    return bytes;
  };
  const whole = finish();
  for (let kill = 0; kill < (manner.tune === "10steps" ? 3 : 2); kill++) expect(run(manner.inference ? "tune 6" : "tune 3").signal).toBe("SIGKILL"); // where integers are decided first, more is told before the first step
  expect(finish().equals(whole)).toBe(true);
  expect(readdirSync(at("jobs"))).toEqual([]);
});

test("a training without images is refused before any work, and so is a length that is none", async () => {
  await expect(compress({ data: undefined, output: at("none.onnx"), tune: "5m" })).rejects.toThrow("Tuning needs images");
  for (const manner of [{ labels: 0.1 }, { schedule: "iterative" }, { noise: { kind: "zero", p: 0.1 } }] as const) await expect(compress({ output: at("none.onnx"), ...manner })).rejects.toThrow("belong to a training");
  writeFileSync(at("never.kernelscope.json"), JSON.stringify({ inference: "integer", integers: { delay: 1.5 } }));
  await expect(compress({ output: at("none.onnx"), recipe: at("never.kernelscope.json") })).rejects.toThrow("integers.delay");
  await expect(compress({ output: at("none.onnx"), tune: "soon" })).rejects.toThrow("\"soon\" is no length of fine-tuning");
});
