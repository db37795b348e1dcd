import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../src/numeric/random";
import type { CompressRequest } from "../../src/protocol/api";
import { npy } from "../helpers/npy";
import { bundle } from "../helpers/bundle";
import { KERNELS, TRAINED } from "../helpers/trained";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-resume-"));
const { model, data: images } = TRAINED;
let script: string;
const at = (...names: string[]) => path.join(folder, ...names);

beforeAll(() => { script = bundle("killed-job"); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const layers = Object.fromEntries([[9, 32], [9, 32], [3, 256], [9, 64], [9, 16]].map(([block, words], i) => [KERNELS[i], { method: "kernel", options: { block, words } }]));
/** A job with images, on one thread: two layers are planned, the others fixed. */
function withData(data: string): Partial<CompressRequest> {
  const recipe = at("data.kernelscope.json");
  writeFileSync(recipe, JSON.stringify({ target: "24KB", data: { limit: 16 }, layers }));
  return { recipe, data, threads: 1 };
}
/** On two threads. */
function withoutData(): Partial<CompressRequest> {
  const recipe = at("plain.kernelscope.json");
  writeFileSync(recipe, JSON.stringify({ bits: 1.5, layers }));
  return { recipe };
}

/** Runs the job until `moment`, or to its end. */
function run(request: Partial<CompressRequest>, moment = "never"): { killed: boolean; status: number | null; stderr: string } {
  const { signal, status, stderr } = spawnSync(process.execPath, [script, moment, at("jobs"), JSON.stringify({ model, output: at("out.onnx"), threads: 2, ...request })], { encoding: "utf8" });
  return { killed: signal === "SIGKILL", status, stderr };
}

/** Runs the job to its end and takes its result away. */
function finish(request: Partial<CompressRequest>): Buffer {
  expect(run(request)).toMatchObject({ status: 0, stderr: "" });
  const bytes = readFileSync(at("out.onnx"));
  rmSync(at("out.onnx"));
  return bytes;
}

/** Files of the output and of checkpoints, whole or not. */
const left = (): string[] => [...readdirSync(folder).filter((name) => name.includes("out.onnx")), ...readdirSync(at("jobs"))];
const checkpoints = (): string[] => readdirSync(at("jobs")).flatMap((job) => readdirSync(at("jobs", job)).map((name) => at("jobs", job, name)));

const MOMENTS = ["read 1", "sensitivity 2", "saving plan", "saved plan", "saved layer 1", "saved layer 3", "saving layer 4", "saved layer 5", "output 3", "renamed"];

describe.each([["with images", () => withData(images), [...MOMENTS, "evaluate 1"]], ["without images", withoutData, ["saved plan", "saved layer 3", "output 3", "renamed"]]] as const)("a job %s that is killed and started again", (_name, request, moments) => {
  let whole: Buffer;
  beforeAll(() => { whole = finish(request()); });

  test.each(moments)("at \"%s\" gives the same file and leaves nothing behind", (moment) => {
    expect(run(request(), moment).killed).toBe(true);
    expect(existsSync(at("out.onnx"))).toBe(moment === "renamed" || moment.startsWith("evaluate"));
    expect(finish(request()).equals(whole)).toBe(true);
    expect(left()).toEqual([]);
  });

  test("ten times in one run, too", () => {
    for (const moment of moments) expect(run(request(), moment).killed).toBe(true);
    expect(finish(request()).equals(whole)).toBe(true);
    expect(left()).toEqual([]);
  });

  test("is not hurt by another that takes its checkpoints away", () => {
    expect(run(request(), "taken away")).toMatchObject({ status: 0, stderr: "" });
    expect(readFileSync(at("out.onnx")).equals(whole)).toBe(true);
    rmSync(at("out.onnx"));
    expect(left()).toEqual([]);
  });

  test("neither plans nor fits again what was done", () => {
    run(request(), "saved layer 3");
    const { killed: planned } = run(request(), "sensitivity 1");
    expect(planned).toBe(false);
    rmSync(at("out.onnx"));
    run(request(), "saved layer 3");
    expect(run(request(), "fit 5").killed).toBe(false);
    rmSync(at("out.onnx"));
  });
});

describe("a checkpoint that cannot be trusted changes nothing", () => {
  let whole: Buffer;
  beforeAll(() => { whole = finish(withData(images)); });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["cut off", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["empty", () => Buffer.alloc(0)],
    ["changed in its last byte", (bytes) => { bytes[bytes.length - 9] ^= 1; return bytes; }],
    ["changed in its head", (bytes) => { bytes[40] ^= 4; return bytes; }],
    ["something else", () => Buffer.from("{}".repeat(200))],
  ])("%s", (_name, damage) => {
    expect(run(withData(images), "saved layer 3").killed).toBe(true);
    const files = checkpoints();
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) writeFileSync(file, damage(readFileSync(file)));
    expect(finish(withData(images)).equals(whole)).toBe(true);
    expect(left()).toEqual([]);
  });

  test("made from other images", () => {
    const data = at("images");
    cpSync(images, data, { recursive: true });
    expect(run(withData(data), "saved layer 3").killed).toBe(true);
    const pixels = readFileSync(at("images", "images.npy"));
    for (let i = 128; i < pixels.length; i += 3) pixels[i] = 255 - pixels[i];
    writeFileSync(at("images", "images.npy"), pixels);
    const resumed = finish(withData(data));
    expect(resumed.equals(finish(withData(data)))).toBe(true);
    expect(resumed.equals(whole)).toBe(false);
  });
});

test("a network with shortcuts, whose activations come by several ways, is resumed to the same bytes, too", () => {
  const data = at("noise"), random = new Random(5);
  mkdirSync(data);
  writeFileSync(path.join(data, "images.npy"), npy([40, 32, 32, 3], Uint8Array.from({ length: 40 * 3072 }, () => random.below(256))));
  const resnet = path.resolve("samples/resnet20-cifar10.onnx"), recipe = at("resnet.kernelscope.json");
  const ids = (JSON.parse(spawnSync(process.execPath, ["dist/cli.js", "inspect", resnet, "--json"], { encoding: "utf8" }).stdout) as { layers: { name: string }[] }).layers.map(({ name }) => name);
  writeFileSync(recipe, JSON.stringify({ layers: Object.fromEntries(ids.slice(0, 19).map((id) => [id, { method: "integer", options: { bits: 4 } }])) }));
  const request = { model: resnet, recipe, data }, whole = finish(request);
  expect(run(request, "saved layer 9").killed).toBe(true);
  expect(finish(request).equals(whole)).toBe(true);
});

test("a file that the killed job did not write is not replaced", () => {
  expect(run(withData(images), "output 3").killed).toBe(true);
  writeFileSync(at("out.onnx"), "someone's");
  const { status, stderr } = run(withData(images));
  expect(status).toBe(1);
  expect(stderr).toContain("exists already");
  expect(readFileSync(at("out.onnx"), "utf8")).toBe("someone's");
  rmSync(at("out.onnx"));
  finish(withData(images));
  expect(left()).toEqual([]);
});
