import * as path from "node:path";
import { compressModel } from "../compression/compress";
import { inspectLayers } from "../compression/report";
import { evaluateModel } from "../compression/evaluate";
import { measureLatency } from "../compression/latency";
import { methods } from "../methods/registry";
import { peakActivations } from "../onnx/peak";
import { typeName } from "../onnx/tensor";
import { DEVICES, type CompressRequest, type PresetId } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import type { CompressReport, EvaluateReport, HeldOut, InspectReport, IntegerEffect, IntegerReport, LatencyReport, LayerReport, PruningTrial, SharedCodebook, Trim, WaveletFacts } from "../protocol/report";
import { parsePruning, type Pruning } from "../protocol/pruning";
import { formatBytes } from "../protocol/sizes";
import { parseNoise, PREPARING, SCHEDULES, type Noise } from "../protocol/tuning";
import { cachedParts } from "../worker/cache";
import { nodeHost, openModelFile } from "../worker/host";
import { percent, print, reporter, table } from "./terminal";
import { type Arguments, file, flag, number, oneOf, text, truthOf, whole } from "./values";

function noiseOf(args: Arguments): Noise | undefined {
  const value = text(args, "noise");
  return value === undefined ? undefined : parseNoise(value);
}

function pruningOf(args: Arguments): Pruning | undefined {
  const value = text(args, "prune");
  return value === undefined ? undefined : parsePruning(value);
}

const PRESETS: readonly PresetId[] = ["nearly-lossless", "balanced", "smallest"];

export async function runInspect(args: Arguments): Promise<void> {
  const opened = await openModelFile(path.resolve(args.model));
  try {
    const { model } = opened, { layers, shared, found } = await inspectLayers(model);
    const report: InspectReport = {
      irVersion: model.irVersion, opset: model.opset, producer: model.producer, bytes: opened.bytes,
      parameters: found.reduce((sum, { parameters }) => sum + parameters, 0), peakActivationBytes: peakActivations(model)?.bytes, layers, ...(shared && { shared }),
      unsupported: layers.flatMap(({ name, skipped }) => (skipped === undefined ? [] : [{ name, reason: skipped }])),
    };
    const wanted = text(args, "layer");
    if (wanted !== undefined) return await inspectOne(args, model, found, wanted);
    if (flag(args, "json")) return print(report);
    process.stdout.write(`${path.basename(args.model)}: ${formatBytes(report.bytes)}, ${report.parameters.toLocaleString("en")} weights in ${layers.length} layers, opset ${report.opset}, IR ${report.irVersion}${report.producer ? `, ${report.producer}` : ""}${report.peakActivationBytes ? `, at most ${formatBytes(report.peakActivationBytes)} of activations at once` : ""}\n\n`);
    table(["layer", "operator", "weight", "type", "bytes", "bits/weight", ""], layers.map((l, i) => [found[i].label, l.op, l.shape.join("×"), l.method ? describe(l) : typeName(found[i].type), formatBytes(l.bytes), l.bitsPerWeight.toFixed(2), l.skipped ?? ""]));
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
    model: path.resolve(args.model), output: file(args, "output"), recipe: file(args, "recipe"), preset: oneOf(args, "preset", PRESETS),
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
    report = await compressModel(request, host, (done) => {
      if (!stop.signal.aborted) interruption.training = done.stage === "tune" ? stop : undefined;
      progress.report(done);
    }, signal, stop.signal);
  } finally {
    progress.end();
    await host.close();
  }
  if (flag(args, "json")) print(report);
  else printCompression(report, request.prepare === true);
  check(limits, { agreement: report.fidelity?.agreement, top1: report.fidelity?.compressed.top1, top5: report.fidelity?.compressed.top5 });
}

export async function runEvaluate(args: Arguments, signal: AbortSignal): Promise<void> {
  const limits = thresholds(args), progress = reporter(flag(args, "quiet"));
  const data = file(args, "data"), reference = file(args, "reference"), timed = flag(args, "latency"), model = path.resolve(args.model), preprocess = file(args, "preprocess"), device = oneOf(args, "device", DEVICES), threads = whole(args, "threads", 1, 1024);
  if (timed && reference === undefined) throw new KernelscopeError("usage", "--latency: beside what? Give --reference MODEL.");
  if (data === undefined && (!timed || limits.length)) throw new KernelscopeError("usage", "evaluate needs samples: give --data DIR.");
  if (data === undefined && (flag(args, "integers") || text(args, "vectors") !== undefined)) throw new KernelscopeError("usage", "--integers and --vectors need samples: give --data DIR. The latency is that of onnxruntime.");
  if (limits.some(([figure]) => figure === "agreement") && reference === undefined) throw new KernelscopeError("usage", "--fail-under agreement: agreement with what? Give --reference MODEL.");
  const host = await nodeHost({ threads });
  let report: EvaluateReport | undefined, latency: LatencyReport | undefined;
  try {
    if (data !== undefined) report = await evaluateModel({ model, reference, data, preprocess, limit: whole(args, "limit", 1), device, threads, integers: flag(args, "integers"), vectors: file(args, "vectors") }, host, progress.report, signal);
    if (timed && reference !== undefined) latency = await measureLatency({ original: reference, compressed: model, data, preprocess, device, threads }, host, progress.report, signal);
  } finally {
    progress.end();
    await host.close();
  }
  if (flag(args, "json")) print({ ...report, ...(latency && { latency }) });
  else {
    if (report) printEvaluation(report);
    if (latency) printLatency(latency);
  }
  check(limits, { agreement: report?.agreement, top1: report?.top1, top5: report?.top5 });
}

type Figure = "agreement" | "top1" | "top5";

function thresholds(args: Arguments): [Figure, number][] {
  const given = args.values["fail-under"];
  return (Array.isArray(given) ? given : []).map((text) => {
    const match = /^(agreement|top1|top5)=([0-9.]+)$/.exec(text), value = match ? Number(match[2]) : NaN;
    if (!match || !(value >= 0 && value <= 1)) throw new KernelscopeError("usage", `--fail-under ${text}: write it like agreement=0.98 or top1=0.9.`);
    return [match[1] as Figure, value];
  });
}

function check(limits: [Figure, number][], figures: Partial<Record<Figure, number>>): void {
  for (const [name, least] of limits) {
    const value = figures[name];
    if (value === undefined) throw new KernelscopeError("below-threshold", `${name} was not measured, so --fail-under ${name}=${least} is not met. Give labelled --data${name === "agreement" ? " and --reference" : ""}.`);
    if (value < least) throw new KernelscopeError("below-threshold", `${name} is ${value.toFixed(4)}, below ${least}.`);
  }
}

const describe = ({ method, codewords, blockSize, codebookBits, density, wavelet }: Partial<LayerReport>): string =>
  wavelet ? `${method} ${wavelet.summed} × ${wavelet.levels} levels of ${wavelet.length} taps` : (codewords === undefined ? `${method} ${density === undefined ? "" : `${(100 * density).toFixed(1)} % of `}${codebookBits ?? ""} bits` : `${method} ${codewords} words of ${blockSize}`);

/** "2,424 learned numbers; filters reconstruct a signal but for 1.1e-7 of it" */
function waveletText({ parameters, reconstructionError, speed }: WaveletFacts): string {
  const { ratio = 0, dense = 0, compressed = 0, fasterFrom } = speed ?? {};
  return `${parameters.toLocaleString("en")} learned numbers; filters reconstruct a signal but for ${reconstructionError.toExponential(1)} of it${speed ? `; one sample takes ${compressed.toFixed(3)} ms in place of ${dense.toFixed(3)} (${ratio.toFixed(2)} times), ${fasterFrom === undefined ? "no width that was tried is faster" : `such layers are faster from ${fasterFrom.toLocaleString("en")} × ${fasterFrom.toLocaleString("en")} on`}` : ""}.\n`;
}

function printLayer({ name, op, shape, bytes, bitsPerWeight, skipped, wavelet, codewords, blockSize, indexBits, codebookBits, sharedWith, uses, deadCodewords, codebook }: LayerReport & CodebookDetails): void {
  process.stdout.write(`${name}: ${op} ${shape.join("×")}, ${formatBytes(bytes)}, ${bitsPerWeight.toFixed(2)} bits a weight${skipped === undefined ? "" : `. ${skipped}`}\n`);
  if (wavelet) process.stdout.write(`${waveletText(wavelet)}${["h0", "h1", "f0", "f1"].map((name, i) => `  ${name} ${wavelet.filters[i].map((v) => v.toFixed(4).padStart(8)).join(" ")}\n`).join("")}`);
  if (codewords === undefined) return;
  process.stdout.write(`${codewords} codewords of ${blockSize} weights, indices of ${indexBits} bits${codebookBits === undefined ? "" : `, values of ${codebookBits} bits`}${sharedWith ? `, shared with ${sharedWith.join(", ")}` : ""}${deadCodewords ? `, ${deadCodewords} never used` : ""}\n\n`);
  if (!codebook || !uses) return;
  const order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a]);
  process.stdout.write(`${"word".padStart(6)}${"uses".padStart(9)}  values\n`);
  for (const w of order) process.stdout.write(`${String(w).padStart(6)}${uses[w].toLocaleString("en").padStart(9)}  ${codebook[w].map((v) => v.toPrecision(3).padStart(8)).join(" ")}\n`);
}

/** "5 layers have one codebook of 128 words in common, which saves 3.46 KB: a, b, …" */
const sharingText = ({ layers, codewords, savedBytes }: SharedCodebook): string =>
  `${layers.length} layers have one codebook of ${codewords.toLocaleString("en")} words in common, which saves ${formatBytes(savedBytes)}: ${layers.join(", ")}.`;

/** What left, in which groups, and what it saves. */
function pruningText({ pruning, layers }: CompressReport): string {
  if (!pruning) return "";
  const { before, after, groups, effect: { loss, agreement } } = pruning, label = (id: string): string => layers.find(({ name }) => name === id)?.label ?? id;
  const rows = groups.map(({ layers: names, channels, removed }) => `  ${removed} of ${channels}  ${names.map(label).join(", ")}\n`);
  return `${percent(1 - after.macs / before.macs)} less to compute (${counted(before.macs)} → ${counted(after.macs)} multiply-accumulates a sample) and ${percent(1 - after.weights / before.weights)} fewer weights (${counted(before.weights)} → ${counted(after.weights)}), by channels that are gone; that alone leaves ${agreement === undefined ? `a relative error of ${percent(loss)}` : `an agreement of ${percent(agreement)}`} on the images that the others were fitted to. Gone are:\n${rows.join("")}`;
}

/** What was tried, and what was taken. */
function trialsText(trials: readonly PruningTrial[]): string {
  const rows = trials.map(({ compute, loss, problem, isChosen }) => `  ${compute ? `${percent(compute)} less to compute` : "all channels"}: ${problem ?? `loss ${loss?.toFixed(4)}`}${isChosen ? ", taken" : ""}\n`);
  return `Ways to this size, by what the outputs lose on images that decide:\n${rows.join("")}`;
}

const counted = (count: number): string => (count >= 1e6 ? `${(count / 1e6).toPrecision(3)} million` : count.toLocaleString("en"));

function printCompression(report: CompressReport, isPrepared: boolean): void {
  table(["layer", "operator", "weight", "stored as", "bytes", "bits/weight", "SQNR"], report.layers.map((l) => [
    l.label ?? l.name, l.op, l.shape.join("×"), l.method ? describe(l) : l.originalShape ? "floats" : "as it was", formatBytes(l.bytes), l.bitsPerWeight.toFixed(2), l.sqnrDb === undefined ? l.skipped ?? "" : `${l.sqnrDb.toFixed(1)} dB`,
  ]));
  const { input, output, fidelity, tuning, integers } = report;
  process.stdout.write(isPrepared ? `\nWritten: ${output.path}, ${formatBytes(output.bytes)}, the original's floats after a training.\n` : `\nWritten: ${output.path}, ${formatBytes(output.bytes)} (${formatBytes(output.gzipBytes)} gzipped), ${report.ratio.toFixed(1)} times smaller than ${formatBytes(input.bytes)}.\nOnce loaded its weights take ${formatBytes(output.loadedWeightBytes)}${integers || report.trims || report.pruning ? "" : ", as before"}${activationsText(input.peakActivationBytes, output.peakActivationBytes)}.\n`);
  if (report.convBitsPerWeight !== undefined && !isPrepared) process.stdout.write(`${report.convBitsPerWeight.toFixed(3)} bits per convolution weight, read off the file.\n`);
  for (const one of report.shared ?? []) process.stdout.write(`${sharingText(one)}\n`);
  for (const { name, label = name, wavelet } of report.layers) if (wavelet) process.stdout.write(`${label}: ${waveletText(wavelet)}`);
  if (report.pruning) process.stdout.write(pruningText(report));
  if (report.pruningTrials) process.stdout.write(trialsText(report.pruningTrials));
  if (report.trims) process.stdout.write(`${trimsText(report.trims)}\n`);
  if (tuning) {
    const { before, after, steps, bestStep, device } = tuning, figure = ({ agreement, loss }: HeldOut) => (agreement === undefined ? `relative error ${percent(loss)}` : `agreement ${percent(agreement)}`);
    process.stdout.write(isPrepared ? `Trained ${steps.toLocaleString("en")} steps on ${device}. Compressed as asked for, without further training: ${figure(before)} before, ${figure(after)} after it, on images that were not trained on.\n`
      : `Trained ${steps.toLocaleString("en")} steps on ${device}; best after ${bestStep.toLocaleString("en")}: ${figure(before)} → ${figure(after)} on images that were not trained on.\n`);
  }
  if (integers) printIntegers(integers);
  if (fidelity) {
    const parts = [`${fidelity.samples.toLocaleString("en")} images held out`];
    if (fidelity.agreement !== undefined) parts.push(`agreement ${percent(fidelity.agreement)}`);
    if (fidelity.compressed.top1 !== undefined) parts.push(`top-1 ${percent(fidelity.reference.top1)} → ${percent(fidelity.compressed.top1)}`);
    if (fidelity.sqnrDb !== undefined) parts.push(`outputs' SQNR ${fidelity.sqnrDb.toFixed(1)} dB`);
    process.stdout.write(`${parts.join(", ")}.\n`);
  } else if (!isPrepared) process.stdout.write("Its accuracy was not measured: that takes images, by --data or --eval-data.\n");
  for (const note of report.notes ?? []) process.stdout.write(`Note: ${note}\n`);
  process.stdout.write(`${report.seconds.total.toFixed(1)} s.\n`);
}

/** How much of activations is alive at once, of one image. */
const activationsText = (before: number | undefined, now: number | undefined): string =>
  (now === undefined ? "" : `; activations of one image at most ${formatBytes(now)} at once${before === undefined || before === now ? "" : `, before ${formatBytes(before)}`}`);

/** What is no longer in a file beside its weights, in words. */
function trimsText(trims: readonly Trim[]): string {
  const words: Record<Trim["what"], string> = { constants: "constants computed ahead", normalizations: "batch normalizations folded", names: "short names", biases: "biases of 16 bits" };
  return `Beside the weights ${formatBytes(trims.reduce((sum, { savedBytes }) => sum + savedBytes, 0))} less: ${trims.map(({ what, savedBytes }) => `${words[what]} ${formatBytes(savedBytes)}`).join(", ")}.`;
}

function printIntegers({ convolutions, floatConvolutions, floats, layers, floor, agreement }: IntegerReport): void {
  process.stdout.write(`${convolutions - floatConvolutions} of ${convolutions} convolutions run on integers${floats.length ? "" : ", and so does everything else"}.\n`);
  for (const { op, node, reason } of floats) process.stdout.write(`Left to floats: ${op} ${node}. ${reason}\n`);
  if (agreement !== undefined) process.stdout.write(`Agreement on calibration images ${percent(agreement)}.\n`);
  if (!layers) return;
  const figure = ({ agreement: share, loss }: IntegerEffect) => (share === undefined ? `error ${percent(loss)}` : `${percent(share)}, KL ${loss.toExponential(1)}`);
  process.stdout.write("\n");
  table(["layer", "it alone as integers", "all but it"], layers.map(({ layer, alone, without }) => [layer, figure(alone), figure(without)]));
  if (floor) process.stdout.write(`With floats in every layer: ${figure(floor)}, which compressed weights cost by themselves.\n`);
  process.stdout.write("\n");
}

function printEvaluation(report: EvaluateReport): void {
  const interval = (name: string) => { const i = report.intervals?.[name]; return i ? ` (95 %: ${percent(i[0])} to ${percent(i[1])})` : ""; };
  if (report.top1 !== undefined) process.stdout.write(`top-1      ${percent(report.top1)}${interval("top1")}\n`);
  if (report.top5 !== undefined) process.stdout.write(`top-5      ${percent(report.top5)}${interval("top5")}\n`);
  if (report.agreement !== undefined) process.stdout.write(`agreement  ${percent(report.agreement)}${interval("agreement")}\n`);
  if (report.kl !== undefined) process.stdout.write(`KL         ${report.kl.toFixed(5)} nats\n`);
  if (report.sqnrDb !== undefined) process.stdout.write(`SQNR       ${report.sqnrDb.toFixed(1)} dB of the outputs, relative error ${report.relativeError?.toExponential(2)}\n`);
  process.stdout.write(`${report.samples.toLocaleString("en")} images in ${report.seconds.toFixed(1)} s, ${Math.round(report.samplesPerSecond).toLocaleString("en")} a second on ${report.device}.\n`);
  for (const note of report.notes ?? []) process.stdout.write(`Note: ${note}\n`);
}

function printLatency({ before, after, ratio, interval: [low, high], pairs, batch, threads, device }: LatencyReport): void {
  const time = (milliseconds: number): string => `${milliseconds.toPrecision(3)} ms`;
  process.stdout.write(`latency    ${time(before)} → ${time(after)}, ${ratio.toFixed(2)} times (95 %: ${low.toFixed(2)} to ${high.toFixed(2)}); measured here on ${device} with ${threads} ${threads === 1 ? "thread" : "threads"}, ${batch === 1 ? "one image" : `${batch} images`} at a time, ${pairs} pairs of runs.\n`);
}
