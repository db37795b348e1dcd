import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildModel } from "../../src/onnx/build";
import { DataType } from "../../src/onnx/tensor";
import type { EvaluateReport, InspectReport } from "../../src/protocol/report";
import { TRAINED } from "../helpers/trained";
import { floats, wave } from "../unit/onnx/models";

/** What the command line says to a person, and to a program. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const model = "samples/fashion-cnn.onnx";
const run = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", ...args], { encoding: "utf8" });

describe("wrong usage", () => {
  test.each([
    ["a value that looks like an option", ["compress", model, "--bits", "-1"], "--bits takes a value that does not begin with a dash. See kernelscope compress --help."],
    ["a number out of range", ["compress", model, "--bits=-1"], "--bits -1: give a number from 0.01 to 32."],
    ["agreement with nothing", ["evaluate", model, "--data", "samples/fashion-mnist", "--fail-under", "agreement=0.9"], "--fail-under agreement: agreement with what? Give --reference MODEL."],
    ["a latency beside nothing", ["evaluate", model, "--latency"], "--latency: beside what? Give --reference MODEL."],
    ["nothing to evaluate on", ["evaluate", model, "--reference", model], "evaluate needs samples: give --data DIR."],
    ["integers of no samples", ["evaluate", model, "--reference", model, "--latency", "--integers"], "--integers and --vectors need samples: give --data DIR. The latency is that of onnxruntime."],
    ["vectors in a text", ["evaluate", model, "--data", "samples/fashion-mnist", "--vectors", "out.txt"], "--vectors out.txt: what is written is a zip of arrays for NumPy. Give a name that ends in .npz or .zip."],
    ["samples of no vectors", ["evaluate", model, "--data", "samples/fashion-mnist", "--vector-samples", "2"], "--vector-samples belongs to --vectors FILE. Give both, or leave it out."],
    ["integers whose weights are floats", ["compress", model, "--data", "samples/fashion-mnist", "--inference", "integer", "--layout", "dense", "-o", path.join(folder, "dense.onnx"), "--quiet"], "--layout dense writes weights as floats, with which nothing can run on integers. Leave it out, or --inference integer."],
    ["a command that is misspelt", ["comprss", model], 'There is no command "comprss". Did you mean compress? The commands are inspect, compress, prepare, evaluate, diff, sweep, merge.'],
    ["an option that is misspelt", ["compress", model, "--taget", "12x"], "Unknown option '--taget'. Did you mean --target? See kernelscope compress --help."],
    ["a share in percent", ["evaluate", model, "--data", "samples/fashion-mnist", "--fail-under", "top1=98"], "--fail-under top1=98: shares are 0 to 1. Did you mean top1=0.98?"],
    ["a figure without images", ["compress", model, "--fail-under", "top1=0.9"], "--fail-under needs images to measure on: give --data DIR."],
  ])("%s ends at once with 2 and one sentence", (_name, args, sentence) => {
    const { status, stdout, stderr } = run(...args);
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: "", stderr: `${sentence}\n` });
  });
});

test.each(["cuda", "dml", "coreml"])("that %s is not there is said in one sentence, and in none of onnxruntime's", (device) => {
  const { status, stdout, stderr } = run("evaluate", model, "--data", "samples/fashion-mnist", "--limit", "8", "--device", device, "--quiet");
  if (status === 0) return; // it is there
  const told = { status: 1, stdout: "", stderr: `This model cannot run on ${device}: there is no such device, or onnxruntime has no support for it here. Choose auto or cpu.\n` };
  expect({ status, stdout, stderr }).toEqual(told);
  // and before any work: the images would be read, and those of a folder that is not there missed
  const early = run("compress", model, "--data", "no-such-folder", "--device", device, "-o", path.join(folder, "never.onnx"), "--quiet");
  expect({ status: early.status, stdout: early.stdout, stderr: early.stderr }).toEqual(told);
});

test("models of different inputs are not compared", () => {
  const { status, stderr } = run("evaluate", model, "--reference", "samples/resnet20-cifar10.onnx", "--data", "samples/fashion-mnist", "--quiet");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^The models take different inputs: .* 1×28×28, the reference .* 3×32×32\. .*\n$/);
});

test("the time for one image is measured beside the original's, with or without images", () => {
  const { status, stdout } = run("evaluate", model, "--reference", model, "--latency", "--threads", "1", "--quiet");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^latency {4}[\d.]+ ms → [\d.]+ ms, [\d.]+ times \(95 %: [\d.]+ to [\d.]+\); measured here on cpu with 1 thread, one image at a time, \d+ pairs of runs\.\n$/);
  const { samples, agreement, latency } = JSON.parse(run("evaluate", model, "--reference", model, "--latency", "--data", "samples/fashion-mnist", "--limit", "32", "--json", "--quiet").stdout) as EvaluateReport;
  expect({ samples, agreement }).toEqual({ samples: 32, agreement: 1 });
  expect(latency).toMatchObject({ batch: 1, device: "cpu" });
  expect(latency!.interval[0]).toBeLessThanOrEqual(latency!.ratio);
  expect(run("evaluate", model, "--reference", "samples/resnet20-cifar10.onnx", "--latency", "--quiet").stderr).toMatch(/^The models take different inputs/);
});

test("where a model leaves open how large its input is, an image says so", () => {
  const open = path.join(folder, "open.onnx");
  writeFileSync(open, buildModel({ nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: { kernel_shape: [3, 3] } }], initializers: [floats("w", [2, 1, 3, 3], wave(18))], inputs: [{ name: "x", type: DataType.FLOAT, shape: ["n", 1, "h", "w"] }], outputs: [{ name: "y", type: DataType.FLOAT, shape: ["n", 2, "a", "b"] }] }));
  expect(run("evaluate", open, "--reference", open, "--latency", "--quiet")).toMatchObject({ status: 2, stderr: "The model leaves open how large its input x is. Choose a data folder: its first sample is what the time is measured with.\n" });
  expect(run("evaluate", open, "--reference", open, "--latency", "--data", "samples/fashion-mnist", "--limit", "8", "--quiet").stdout).toMatch(/latency .* pairs of runs\.\n$/);
});

test("a result is not compressed onto itself", () => {
  const small = path.join(folder, "again.small.onnx");
  copyFileSync(model, small);
  const { status, stderr } = run("compress", small, "--quiet");
  expect({ status, stderr }).toEqual({ status: 2, stderr: "again.small.onnx is itself where the result would go, so it may be a result already. Compress the original, or give another name with -o.\n" });
});

test("with --json a failure is an object too", () => {
  const { status, stdout } = run("inspect", path.join(folder, "none.onnx"), "--json");
  expect(status).toBe(1);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect(error.message).toContain("none.onnx");
  expect(error.code).toBe("bad-model");
});

test("a layer is shown as text, and as JSON only where that is asked for", () => {
  const small = path.join(folder, "small.onnx");
  expect(run("compress", model, "--bits", "1", "-o", small, "--quiet").status).toBe(0);
  const { stdout } = run("inspect", small, "--layer", "17");
  expect(stdout).toMatch(/^17\.weight: Conv 128×128×3×3, .* bits a weight\n\d+ codewords of \d+ weights/);
  const lines = stdout.trim().split("\n"), json = JSON.parse(run("inspect", small, "--layer", "17", "--json").stdout) as { codewords: number; uses: number[] };
  expect(lines.length).toBe(4 + json.codewords);
  const uses = lines.slice(-json.codewords).map((line) => Number(line.trim().split(/\s+/)[1].replaceAll(",", "")));
  expect(uses).toEqual([...json.uses].sort((a, b) => b - a));
});

describe("a file on the images that it was fitted to", () => {
  const small = path.join(folder, "fitted.onnx"), env = { ...process.env, XDG_CACHE_HOME: path.join(folder, "cache") }, runIn = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", ...args, "--threads", "1", "--quiet"], { encoding: "utf8", env });
  beforeAll(() => { expect(runIn("compress", TRAINED.model, "--target", "12KB", "--data", TRAINED.data, "-o", small).status).toBe(0); });

  test("is said to be flattered by figures on them, in words and in JSON, also where two are compared", () => {
    const told = /fitted\.onnx was fitted to four fifths of these very images, so figures on them flatter it\. On the \d+ that were kept from it, its agreement was [\d.]+ %\. Give --data with images that are new to it\./;
    const evaluate = (...args: string[]) => runIn("evaluate", small, "--reference", TRAINED.model, "--data", TRAINED.data, ...args).stdout;
    expect(evaluate()).toMatch(told);
    const report = JSON.parse(evaluate("--json")) as EvaluateReport;
    expect(report).toMatchObject({ fittedShare: 0.8, changes: { top1: { value: expect.any(Number) as number, low: expect.any(Number) as number } }, intervals: { kl: [expect.any(Number), expect.any(Number)] } });
    expect(report.changes!.top1.value).toBeCloseTo(report.top1! - report.reference!.top1!, 9);
    expect(runIn("diff", TRAINED.model, small, "--data", TRAINED.data).stdout).toMatch(told);
  });

  test("others, and other models, are not", () => {
    const other = path.join(folder, "others");
    cpSync(TRAINED.data, other, { recursive: true });
    for (const args of [[small, "--data", other], [TRAINED.model, "--data", TRAINED.data]]) expect(runIn("evaluate", ...args).stdout).not.toContain("flatter");
  });
});

describe("images that are not there", () => {
  const none = path.join(folder, "no-images"), empty = path.join(folder, "empty");
  beforeAll(() => { mkdirSync(empty); });

  test.each([
    ["to compress by", ["compress", model, "-o", path.join(folder, "no.onnx"), "--data"]], ["for the report alone", ["compress", model, "-o", path.join(folder, "no.onnx"), "--data", "samples/fashion-mnist", "--eval-data"]],
    ["to evaluate on", ["evaluate", model, "--data"]], ["to compare by", ["diff", model, model, "--data"]],
  ])("%s are missed before any work, with what to give", (_name, args) => {
    for (const [data, sentence] of [[none, `There is no data at ${none}. Give a folder of images, with a subfolder for each class or without, one with images.npy, or an .npz.`], [empty, "empty holds no JPEG or PNG images, no images.npy and no .npz. Choose a folder with one subfolder a class, or with images."]]) {
      const { status, stdout, stderr } = run(...args, data), told = stderr.trim().split("\n");
      expect({ status, stdout, last: told.pop() }).toEqual({ status: 1, stdout: "", last: sentence });
      expect(told.filter((line) => !line.includes("reading calibration images"))).toEqual([]);
    }
  });
});

describe("a size that cannot be reached", () => {
  const output = path.join(folder, "least.onnx"), recipe = path.join(folder, "least.kernelscope.json"), other = "samples/resnet20-cifar10.onnx";
  const compress = (...args: string[]) => run("compress", ...args, "-o", output, "--force", "--threads", "1", "--quiet");

  test.each([
    ["of a network", [model, "--target"], "1KB"], ["of one with many names, which smaller limits shorten", [other, "--target"], "1KB"], ["of one that is not trimmed", [other, "--trim", "no", "--target"], "2KB"],
    ["by one method", [model, "--method", "integer", "--target"], "9KB"], ["with pins", [model, "--recipe", recipe, "--target"], "591KB"], ["in bytes", [model, "--target"], "5000B"],
  ])("%s says the least, which is reached when it is typed", (_name, args, target) => {
    writeFileSync(recipe, JSON.stringify({ layers: { "17.weight": { pin: "leave" } } }));
    const { status, stderr } = compress(...args, target), [, least] = /The smallest possible is ([\d.]+ [KM]?B)/.exec(stderr) ?? [];
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/ cannot be reached.*\. The smallest possible is /) as string });
    expect(compress(...args, least)).toMatchObject({ status: 0, stderr: "" });
    const [size, unit] = least.split(" "), bytes = Number(size) * { B: 1, KB: 1e3, MB: 1e6 }[unit]!;
    expect(statSync(output).size).toBeLessThanOrEqual(bytes);
    expect(statSync(output).size).toBeGreaterThan(0.97 * bytes);
  });
});

describe("two models beside each other", () => {
  const small = path.join(folder, "diff.small.onnx");
  beforeAll(() => { expect(run("compress", model, "--bits", "2", "-o", small, "--threads", "1", "--quiet").status).toBe(0); });

  test("as text: sizes, layers, nodes, and what their predictions have in common", () => {
    const { status, stdout } = run("diff", model, small, "--data", "samples/fashion-mnist", "--limit", "64", "--threads", "1", "--quiet");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^1\.16 (MB → [\d.]+ KB|→ 0\.\d\d MB), [\d.]+ times smaller; gzipped .*\nOn 64 samples: agreement [\d.]+ % \(95 %: .*\), top-1 [\d.]+ % → [\d.]+ %, [+−][\d.]+ points \(95 %: [+−][\d.]+ to [+−][\d.]+\), KL [\d.]+ nats \(95 %: [\d.]+ to [\d.]+\)\.\n7 layers: \d changed/);
    expect(stdout).toMatch(/\n17 +Conv +128×128×3×3 +float32 → kernel .* 590 → [\d.]+ KB +32\.00 → [\d.]+ +[\d.]+ dB\n/);
    expect(stdout).toMatch(/\nNodes: .*Gather 0 → \d/);
  });

  test("as JSON: each layer with what changed, equal to what the report of the compression says", () => {
    const found = JSON.parse(run("diff", model, small, "--json", "--quiet").stdout) as { before: { bytes: number }; after: { bytes: number }; layers: { layer: string; change: string; sqnrDb?: number; after: { bytes: number } }[] };
    const { bytes, layers } = JSON.parse(run("inspect", small, "--json").stdout) as InspectReport;
    expect([found.before.bytes, found.after.bytes]).toEqual([statSync(model).size, bytes]);
    expect(found.layers.map(({ layer, after }) => [layer, after.bytes])).toEqual(layers.map((row) => [row.name, row.bytes]));
    expect(found.layers.find(({ layer }) => layer === "17.weight")).toMatchObject({ change: "changed", sqnrDb: expect.any(Number) as number });
    const self = JSON.parse(run("diff", small, small, "--json", "--quiet").stdout) as typeof found;
    expect(self.layers.every(({ change }) => change === "same")).toBe(true);
  });

  test("of a network that a runtime has optimised: the same layers under other names, with what was folded into them", async () => {
    const optimised = path.join(folder, "optimised.onnx");
    await (await InferenceSession.create("samples/resnet20-cifar10.onnx", { graphOptimizationLevel: "extended", optimizedModelFilePath: optimised, logSeverityLevel: 3 })).release();
    const { layers, nodes } = JSON.parse(run("diff", "samples/resnet20-cifar10.onnx", optimised, "--json", "--quiet").stdout) as { layers: { layer: string; change: string; nameAfter?: string; folded?: { ops: string[] } }[]; nodes: { added: unknown[]; removed: unknown[] } };
    expect(layers.map(({ change }) => change)).toEqual(layers.map(() => "same"));
    // it names what it makes after what it was made of
    for (const { layer, nameAfter } of layers) expect(nameAfter ?? layer).toMatch(new RegExp(`${layer.replaceAll(".", "\\.")}$`));
    expect(layers.filter(({ nameAfter }) => nameAfter !== undefined).length).toBe(19);
    expect(layers.map(({ folded }) => folded?.ops[0])).toEqual([...Array.from({ length: 19 }, () => "BatchNormalization"), undefined]);
    expect(nodes).toEqual({ added: [], removed: [] });
  });

  test("tells where flips begin", () => {
    const { fidelity, layers } = JSON.parse(run("diff", model, small, "--data", "samples/fashion-mnist", "--threads", "1", "--json", "--quiet").stdout) as { fidelity: { samples: number; agreement: { value: number }; flips: { count: number; listed: { sample: string; before: string; after: string; layer?: string }[] } }; layers: { layer: string; flipsBegin?: number }[] };
    const { count, listed } = fidelity.flips;
    expect(count).toBe(Math.round(fidelity.samples * (1 - fidelity.agreement.value)));
    expect(listed.length).toBe(count);
    for (const { before, after } of listed) expect(before).not.toBe(after);
    for (const { layer, flipsBegin } of layers) expect(flipsBegin ?? 0).toBe(listed.filter((flip) => flip.layer === layer).length);
    expect(layers.some(({ flipsBegin }) => flipsBegin)).toBe(true);
    expect(run("diff", model, small, "--data", "samples/fashion-mnist", "--threads", "1", "--markdown", "--quiet").stdout).toMatch(/predictions? differs?\. Where a sample .*\n\n\| layer \| flips that begin here \|\n/);
  });

  test("of other networks: what is gone and what is new", () => {
    const { status, stdout } = run("diff", model, "samples/resnet20-cifar10.onnx", "--markdown", "--quiet");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^### fashion-cnn\.onnx → resnet20-cifar10\.onnx\n\n[^]*27 layers: 20 added, 7 removed\.[^]*<details><summary>The 27 layers that differ<\/summary>[^]*\| 17 \(removed\) \| Conv \| 128×128×3×3 \|/);
  });

  test("fails a check where predictions differ too much, and says what is missing", () => {
    expect(run("diff", model, small, "--data", "samples/fashion-mnist", "--fail-under", "agreement=1.0", "--threads", "1", "--quiet").status).toBe(3);
    expect(run("diff", model)).toMatchObject({ status: 2, stderr: "kernelscope diff takes two models, A and B, 1 was given: kernelscope diff A B\n" });
    expect(run("diff", model, small, "--limit", "0")).toMatchObject({ status: 2, stderr: "--limit 0: give a number from 1.\n" });
    expect(run("diff", model, small, "--threads", "many")).toMatchObject({ status: 2, stderr: "--threads many: give a number from 1 to 1024.\n" });
    expect(run("diff", model, small, "--threads", "2")).toMatchObject({ status: 2, stdout: "", stderr: "--threads says how predictions are compared, for which there are no images: give --data DIR, or leave it out.\n" });
    expect(run("diff", model, small, "--limit", "8", "--device", "cpu")).toMatchObject({ status: 2, stderr: "--limit and --device say how predictions are compared, for which there are no images: give --data DIR, or leave them out.\n" });
    expect(run("diff", model, small, "--fail-under", "top1=0.9")).toMatchObject({ status: 2, stderr: "--fail-under needs images to measure on: give --data DIR.\n" });
    expect(run("diff", model, path.join(folder, "none.onnx"), "--quiet")).toMatchObject({ status: 1, stderr: expect.stringContaining("none.onnx") as string });
    expect(run("inspect", model, "--html", "--markdown")).toMatchObject({ status: 2, stderr: "--markdown and --html: choose one form.\n" });
  });
});

test("what a model holds, and what a compression did, are told as Markdown and as a page, too", () => {
  expect(run("inspect", model, "--markdown").stdout).toMatch(/^### fashion-cnn\.onnx\n[^]*\| 17 \| Conv \| 128×128×3×3 \| float32 \| 590 KB \|/);
  const { status, stdout } = run("compress", model, "--bits", "8", "-o", path.join(folder, "page.onnx"), "--html", "--threads", "1", "--quiet");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^<!DOCTYPE html>[^]*<title>fashion-cnn\.onnx → page\.onnx<\/title>[^]*<td>17<\/td>[^]*<p>Written: [^]*times smaller than 1\.16 MB\.<\/p>/);
});

describe("a recipe that gives single layers a method", () => {
  const recipe = path.join(folder, "single.kernelscope.json"), output = path.join(folder, "single.onnx");
  const compress = (text: object, ...args: string[]) => {
    writeFileSync(recipe, JSON.stringify(text));
    return run("compress", model, "--recipe", recipe, "-o", output, "--force", "--quiet", ...args);
  };
  const single = { layers: { "3.weight": { method: "kernel", options: { block: 9, words: 16 } } } };

  test("and no size leaves the others, and says why", () => {
    const { status, stdout } = compress(single);
    expect(status).toBe(0);
    expect(stdout.split("\n").filter((line) => line.includes("Left as it is: the recipe gives other layers a method, and no size."))).toHaveLength(6);
    expect(stdout).not.toContain("nothing smaller pays here");
  });

  test("compresses all where a preset is asked for beside it", () => {
    const { status, stdout } = compress(single, "--preset", "smallest");
    expect(status).toBe(0);
    expect(stdout).not.toContain("Left as it is");
  });

  test("that has nothing for a layer is an error at its place", () => {
    const { status, stderr } = compress({ target: "60KB", layers: { "3.weight": { method: "sparse" } } });
    expect(status).toBe(2);
    expect(stderr).toContain('single.kernelscope.json:1:40: error: layers["3.weight"]: Sparse integers: a plan has nothing of that to choose from for this layer, a Conv of 32×32×3×3. Give its "options", or another method.');
  });
});
