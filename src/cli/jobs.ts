import * as path from "node:path";
import { compressModel } from "../compression/compress";
import { embeddedRecipe } from "../compression/recipe";
import { inspectLayers } from "../compression/report";
import { evaluateModel } from "../compression/evaluate";
import { measureLatency } from "../compression/latency";
import { methods } from "../methods/registry";
import { peakActivations } from "../onnx/peak";
import { typeName } from "../onnx/tensor";
import { DEVICES, PRESETS, type CompressRequest } from "../protocol/api";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import type { CompressReport, EvaluateReport, InspectReport, LatencyReport, LayerReport } from "../protocol/report";
import { parsePruning, type Pruning } from "../protocol/pruning";
import { formatBytes } from "../protocol/sizes";
import { parseNoise, PREPARING, SCHEDULES, type Noise } from "../protocol/tuning";
import { cachedParts } from "../worker/cache";
import { nodeHost, openModelFile } from "../worker/host";
import { fittedShare, MadeFiles } from "../worker/made";
import { compressionDocument, inspectionDocument, waveletText } from "./documents";
import { evaluationLines } from "./intervals";
import { seenText } from "./seen";
import { print, reporter, write } from "./terminal";
import { type Arguments, file, flag, number, oneOf, output, text, truthOf, whole } from "./values";

function noiseOf(args: Arguments): Noise | undefined {
  const value = text(args, "noise");
  return value === undefined ? undefined : parseNoise(value);
}

function pruningOf(args: Arguments): Pruning | undefined {
  const value = text(args, "prune");
  return value === undefined ? undefined : parsePruning(value);
}

export async function runInspect(args: Arguments): Promise<void> {
  const opened = await openModelFile(path.resolve(args.model));
  try {
    const { model } = opened, { layers, shared, found } = await inspectLayers(model);
    const report: InspectReport = {
      irVersion: model.irVersion, opset: model.opset, producer: model.producer, bytes: opened.bytes,
      parameters: found.reduce((sum, { parameters }) => sum + parameters, 0), peakActivationBytes: peakActivations(model)?.bytes, recipe: embeddedRecipe(model), layers, ...(shared && { shared }),
      unsupported: layers.flatMap(({ name, skipped }) => (skipped === undefined ? [] : [{ name, reason: skipped }])),
    };
    const wanted = text(args, "layer");
    if (wanted !== undefined) return await inspectOne(args, model, found, wanted);
    write(args, report, () => inspectionDocument(args.model, report, found.map(({ label, type }) => ({ label, type: typeName(type) }))));
  } finally {
    await opened.close();
  }
}

interface CodebookDetails { codewords?: number; blockSize?: number; indexBits?: number; codebookBits?: number; uses?: number[]; deadCodewords?: number; codebook?: number[][] }

async function inspectOne(args: Arguments, model: Awaited<ReturnType<typeof openModelFile>>["model"], found: Awaited<ReturnType<typeof inspectLayers>>["found"], wanted: string): Promise<void> {
  const layer = found.find(({ id, label }) => id === wanted || label === wanted);
  if (!layer) throw new KernelscopeError("usage", `The model has no layer "${wanted}". Its layers are ${found.slice(0, 8).map(({ id }) => id).join(", ")}${found.length > 8 ? ", …" : ""}.`);
  const { layers } = await inspectLayers(model), row = layers.find(({ name }) => name === layer.id)!;
  let details: CodebookDetails = {};
  for (const method of methods) {
    const known = await method.recognise(model, layer);
    if (!known) continue;
    const { codebook, index, blockSize, codewords } = known;
    const uses = codewords !== undefined && index ? Array.from({ length: codewords }, () => 0) : undefined;
    if (uses && index) for (const i of index) uses[i]++;
    details = {
      codewords, blockSize, uses, deadCodewords: uses?.filter((n) => n === 0).length,
      codebook: codebook && blockSize ? Array.from({ length: codebook.length / blockSize }, (_, w) => Array.from(codebook.subarray(w * blockSize, (w + 1) * blockSize))) : undefined,
    };
    break;
  }
  if (flag(args, "json")) return print({ ...row, ...details });
  printLayer({ ...row, ...details });
}

/** What an interruption does while a network is trained. */
export const interruption = {
  training: undefined as AbortController | undefined,
  /** Ends a training that is going on. @returns whether there was one */
  endsTraining(): boolean {
    const { training } = this;
    this.training = undefined;
    training?.abort();
    if (training) process.stderr.write("\nEnding the training; its best is kept. Press Ctrl+C once more to cancel everything.\n");
    return training !== undefined;
  },
};

/** Trains a model to be compressed; with noise of codewords where no other is asked for. */
export const runPrepare = (args: Arguments, signal: AbortSignal): Promise<void> => runCompress(args, signal, { prepare: true, noise: noiseOf(args) ?? PREPARING });

export async function runCompress(args: Arguments, signal: AbortSignal, more: Partial<CompressRequest> = {}): Promise<void> {
  const request: CompressRequest = {
    model: path.resolve(args.model), output: output(args), recipe: file(args, "recipe"), preset: oneOf(args, "preset", PRESETS),
    bits: number(args, "bits", 0.01, 32), target: text(args, "target"), method: oneOf(args, "method", methods.map(({ id }) => id)),
    data: file(args, "data"), evalData: file(args, "eval-data"), preprocess: file(args, "preprocess"), layout: oneOf(args, "layout", ["bits", "bytes", "dense"] as const),
    device: oneOf(args, "device", DEVICES), threads: whole(args, "threads", 1, 1024), seed: whole(args, "seed", 0, 4294967295), checkpoint: file(args, "checkpoint"), prune: pruningOf(args), trim: truthOf(args, "trim"), inference: oneOf(args, "inference", ["float", "integer"] as const), keepOpset: flag(args, "keep-opset") || undefined, tune: text(args, "tune"), labels: number(args, "labels", 0, 1), schedule: oneOf(args, "schedule", SCHEDULES), noise: noiseOf(args), force: flag(args, "force"), ...more,
  };
  const limits = thresholds(args);
  if (limits.length && request.data === undefined && request.evalData === undefined && request.recipe === undefined) throw new KernelscopeError("usage", "--fail-under needs images to measure on: give --data DIR.");
  const progress = reporter(flag(args, "quiet")), host = await nodeHost({ threads: request.threads, checkpoint: request.checkpoint, ratings: cachedParts().ratings });
  let report: CompressReport;
  try {
    const stop = new AbortController();
    let isTold = false;
    report = await compressModel(request, host, (done) => {
      if (!stop.signal.aborted) interruption.training = done.stage === "tune" ? stop : undefined;
      if (done.tuning && !isTold) {
        isTold = true;
        const { step, steps } = done.tuning;
        if (step > 1) progress.note(`The training goes on after step ${(step - 1).toLocaleString("en")} of ${steps.toLocaleString("en")}, which an earlier run of this command has kept.`);
        progress.note("Ctrl+C ends the training and writes the best that it has come to.");
      }
      progress.report(done);
    }, signal, stop.signal);
    await new MadeFiles().add(report, request);
  } catch (error) {
    throw error instanceof CancelledError ? new CancelledError("Cancelled. No file was written. What was done is kept: the same command goes on from there.") : error;
  } finally {
    progress.end();
    await host.close();
  }
  write(args, report, () => compressionDocument(report, request.prepare === true));
  check(limits, { agreement: report.fidelity?.agreement, top1: report.fidelity?.compressed.top1, top5: report.fidelity?.compressed.top5 });
}

export async function runEvaluate(args: Arguments, signal: AbortSignal): Promise<void> {
  const limits = thresholds(args), progress = reporter(flag(args, "quiet"));
  const data = file(args, "data"), reference = file(args, "reference"), timed = flag(args, "latency"), model = path.resolve(args.model), preprocess = file(args, "preprocess"), device = oneOf(args, "device", DEVICES), threads = whole(args, "threads", 1, 1024);
  if (timed && reference === undefined) throw new KernelscopeError("usage", "--latency: beside what? Give --reference MODEL.");
  if (data === undefined && (!timed || limits.length)) throw new KernelscopeError("usage", "evaluate needs samples: give --data DIR.");
  if (data === undefined && (flag(args, "integers") || text(args, "vectors") !== undefined)) throw new KernelscopeError("usage", "--integers and --vectors need samples: give --data DIR. The latency is that of onnxruntime.");
  if (text(args, "vector-samples") !== undefined && text(args, "vectors") === undefined) throw new KernelscopeError("usage", "--vector-samples belongs to --vectors FILE. Give both, or leave it out.");
  if (!/\.(npz|zip)$/i.test(text(args, "vectors") ?? ".npz")) throw new KernelscopeError("usage", `--vectors ${text(args, "vectors")}: what is written is a zip of arrays for NumPy. Give a name that ends in .npz or .zip.`);
  if (limits.some(([figure]) => figure === "agreement") && reference === undefined) throw new KernelscopeError("usage", "--fail-under agreement: agreement with what? Give --reference MODEL.");
  const host = await nodeHost({ threads });
  let report: EvaluateReport | undefined, latency: LatencyReport | undefined;
  try {
    if (data !== undefined) report = await evaluateModel({ model, reference, data, preprocess, limit: whole(args, "limit", 1), device, threads, integers: flag(args, "integers"), vectors: file(args, "vectors"), vectorSamples: whole(args, "vector-samples", 1, 1024) }, host, progress.report, signal);
    const made = await new MadeFiles().of(model), seen = report && made && data !== undefined ? await fittedShare(made, data) : undefined;
    if (report && made && seen !== undefined) report = { ...report, fittedShare: seen, notes: [seenText(model, made, seen), ...report.notes ?? []] };
    if (timed && reference !== undefined) latency = await measureLatency({ original: reference, compressed: model, data, preprocess, device, threads }, host, progress.report, signal);
  } finally {
    progress.end();
    await host.close();
  }
  if (flag(args, "json")) print({ ...report, ...(latency && { latency }) });
  else {
    if (report) process.stdout.write(evaluationLines(report).map((line) => `${line}\n`).join(""));
    if (latency) printLatency(latency);
  }
  check(limits, { agreement: report?.agreement, top1: report?.top1, top5: report?.top5 });
}

type Figure = "agreement" | "top1" | "top5";

export function thresholds(args: Arguments): [Figure, number][] {
  const given = args.values["fail-under"];
  return (Array.isArray(given) ? given : []).map((text) => {
    const match = /^(agreement|top1|top5)=([0-9.]+)$/.exec(text), value = match ? Number(match[2]) : NaN;
    if (match && value > 1) throw new KernelscopeError("usage", `--fail-under ${text}: shares are 0 to 1.${value <= 100 ? ` Did you mean ${match[1]}=${Number((value / 100).toFixed(6))}?` : ""}`);
    if (!match || !(value >= 0 && value <= 1)) throw new KernelscopeError("usage", `--fail-under ${text}: write it like agreement=0.98 or top1=0.9.`);
    return [match[1] as Figure, value];
  });
}

export function check(limits: [Figure, number][], figures: Partial<Record<Figure, number>>): void {
  for (const [name, least] of limits) {
    const value = figures[name];
    if (value === undefined) throw new KernelscopeError("below-threshold", `${name} was not measured, so --fail-under ${name}=${least} is not met. ${name === "agreement" ? "It takes images that tell apart what a model puts out, and on evaluate a --reference." : "Give labelled --data."}`);
    if (value < least) throw new KernelscopeError("below-threshold", `${name} is ${value.toFixed(4)}, below ${least}.`);
  }
}

function printLayer({ name, op, shape, bytes, bitsPerWeight, skipped, wavelet, codewords, blockSize, indexBits, codebookBits, sharedWith, uses, deadCodewords, codebook }: LayerReport & CodebookDetails): void {
  process.stdout.write(`${name}: ${op} ${shape.join("×")}, ${formatBytes(bytes)}, ${bitsPerWeight.toFixed(2)} bits a weight${skipped === undefined ? "" : `. ${skipped}`}\n`);
  if (wavelet) process.stdout.write(`${waveletText(wavelet)}\n\n${["h0", "h1", "f0", "f1"].map((name, i) => `  ${name} ${wavelet.filters[i].map((v) => v.toFixed(4).padStart(8)).join(" ")}\n`).join("")}`);
  if (codewords === undefined) return;
  process.stdout.write(`${codewords} codewords of ${blockSize} weights, indices of ${indexBits} bits${codebookBits === undefined ? "" : `, values of ${codebookBits} bits`}${sharedWith ? `, shared with ${sharedWith.join(", ")}` : ""}${deadCodewords ? `, ${deadCodewords} never used` : ""}\n\n`);
  if (!codebook || !uses) return;
  const order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a]);
  process.stdout.write(`${"word".padStart(6)}${"uses".padStart(9)}  values\n`);
  for (const w of order) process.stdout.write(`${String(w).padStart(6)}${uses[w].toLocaleString("en").padStart(9)}  ${codebook[w].map((v) => v.toPrecision(3).padStart(8)).join(" ")}\n`);
}

function printLatency({ before, after, ratio, interval: [low, high], pairs, batch, threads, device }: LatencyReport): void {
  const time = (milliseconds: number): string => `${milliseconds.toPrecision(3)} ms`;
  process.stdout.write(`latency    ${time(before)} → ${time(after)}, ${ratio.toFixed(2)} times (95 %: ${low.toFixed(2)} to ${high.toFixed(2)}); measured here on ${device} with ${threads} ${threads === 1 ? "thread" : "threads"}, ${batch === 1 ? "one image" : `${batch} images`} at a time, ${pairs} pairs of runs.\n`);
}
