import * as path from "node:path";
import { wilson } from "../evaluation/metrics";
import { preparedWords } from "../evaluation/prepared";
import { floatLines } from "../protocol/floats";
import type { CompressReport, FixedNormalization, Grid, InspectReport, IntegerEffect, IntegerReport, LayerReport, PruningTrial, SharedCodebook, Trim, WaveletFacts, TuningReport } from "../protocol/report";
import { formatBytes, sizeRatio } from "../protocol/sizes";
import { tuningWords, type Speech } from "../protocol/tuning-words";
import type { Block, Document, KeyFigure, Table } from "./document";
import { changeText, points, signed, within } from "./intervals";
import { percent } from "./terminal";

/** What commands tell of models, as documents. */

const nameOf = (file: string): string => path.basename(file);

/** Where a table of layers has their bytes. */
const BYTES = 4;
/** So many layers are named in a sentence. */
const MOST_NAMED = 4;

/** Layers in rows, with a last column for remarks where there are any; from the bytes on the others are figures, with bars for the bytes. */
export function layerTable(head: readonly string[], layers: readonly { cells: readonly string[]; remark?: string; bytes: number }[]): Table {
  const most = layers.reduce((largest, { bytes }) => Math.max(largest, bytes), 0) || 1, hasRemarks = layers.some(({ remark }) => remark);
  return {
    head: hasRemarks ? [...head, ""] : head, rows: layers.map(({ cells, remark = "" }) => (hasRemarks ? [...cells, remark] : cells)),
    figures: head.map((_, c) => c).filter((c) => c >= BYTES), bars: { column: BYTES, shares: layers.map(({ bytes }) => bytes / most), most: formatBytes(most) },
  };
}

/** What a model holds. @param layers what layers are called, and their types */
export function inspectionDocument(file: string, { bytes, parameters, opset, irVersion, producer, peakActivationBytes, recipe, layers }: InspectReport, named: readonly { label: string; type: string }[]): Document {
  return {
    title: nameOf(file), keyFigures: [[formatBytes(bytes), "in the file"], [String(layers.length), layers.length === 1 ? "layer" : "layers"], [counted(parameters), "weights"]],
    headline: `${nameOf(file)}: ${formatBytes(bytes)}, ${parameters.toLocaleString("en")} weights in ${layers.length === 1 ? "1 layer" : `${layers.length} layers`}`, blocks: [
      `Opset ${opset}, IR ${irVersion}${producer ? `, ${producer}` : ""}${peakActivationBytes ? `; at most ${formatBytes(peakActivationBytes)} of activations at once` : ""}`, ...(recipe ? [`Compressed by this recipe: ${JSON.stringify(recipe)}`] : []), "",
      layers.length ? layerTable(["layer", "operator", "weight", "type", "bytes", "bits/weight"], layers.map((l, i) => ({ cells: [named[i].label, l.op, l.shape.join("×"), l.method || l.grids ? describe(l) : l.storedType ?? named[i].type, formatBytes(l.bytes), l.bitsPerWeight.toFixed(2)], remark: l.skipped, bytes: l.bytes }))) : "It has no layers with weights.",
      ...(layers.length ? ["", "Bits/weight: 8 × all bytes that a weight takes in the file, with codes, codebook, scales and its part of what unpacks them, divided by the number of weights that the original has. A weight that is stored plainly is as wide as its type; its name and shape are in the bytes alone."] : []),
      ...gridBlocks(layers, (i) => named[i].label),
      ...prunedNotes(layers, (i) => named[i].label),
    ],
  };
}

/** Scales and zero points of layers on integers, and which layers stay floats beside them. @param nameOf what a layer is called */
function gridBlocks(layers: readonly LayerReport[], nameOf: (i: number) => string): Block[] {
  if (!layers.some(({ grids }) => grids)) return [];
  const border = (grid: Grid | undefined): string => (grid ? `${between(grid.scale, precise)}, ${between(grid.zeroPoint, String)}` : "–");
  return ["", "Integers stand for scale × (integer − zero point):", {
    head: ["layer", "weight", "scales", "from – to", "zero point", "input: scale, zero point", "output: scale, zero point"], figures: [2],
    rows: layers.map(({ grids, staysFloat }, i) => (grids
      ? [nameOf(i), grids.weight.type, `${grids.weight.scales}${grids.weight.axis === undefined ? "" : ` on axis ${grids.weight.axis}`}`, between(grids.weight.scale, precise), between(grids.weight.zeroPoint, String), border(grids.input), staysFloat ? "computes with floats" : border(grids.output)]
      : [nameOf(i), "floats", "–", "–", "–", "–", staysFloat ? "computes with floats" : "–"])),
  }];
}

const precise = (value: number): string => value.toPrecision(3);
/** "0.0012 – 0.034", or one value where that is all. */
const between = ([low, high]: readonly [number, number], text: (value: number) => string): string => (low === high ? text(low) : `${text(low)} – ${text(high)}`);

/** What bits are divided by where channels are gone. @param nameOf what a layer is called */
function prunedNotes(layers: readonly LayerReport[], nameOf: (i: number) => string): string[] {
  const pruned = layers.flatMap(({ shape, originalShape }, i) => (originalShape ? [`${nameOf(i)} ${originalShape.join("×")} → ${shape.join("×")}`] : []));
  return pruned.length ? ["", `Note: ${pruned.length} of ${layers.length} layers have fewer weights than before, since channels that they make or read were taken away. Their bits per weight divide by the weights that they had then, not by those of the shape that stands here: ${pruned.slice(0, MOST_NAMED).join(", ")}${pruned.length > MOST_NAMED ? ` and ${pruned.length - MOST_NAMED} more` : ""}.`] : [];
}

/** How a layer is stored. */
export const describe = ({ method, grids, codewords, blockSize, codebookBits, density, wavelet }: Partial<LayerReport>): string =>
  method === undefined && grids ? `${grids.weight.type}, ${grids.weight.scales === 1 ? "1 scale" : `${grids.weight.scales} scales`}` : wavelet ? `${method} ${wavelet.summed} × ${wavelet.levels} levels of ${wavelet.length} taps` : (codewords === undefined ? `${method} ${density === undefined ? "" : `${(100 * density).toFixed(1)} % of `}${codebookBits ?? ""} bits` : `${method} ${codewords} codewords of ${blockSize}`);

/** "2,424 learned numbers; filters reconstruct a signal but for 1.1e-7 of it" */
export function waveletText({ parameters, reconstructionError, speed }: WaveletFacts): string {
  const { ratio = 0, dense = 0, compressed = 0, fasterFrom } = speed ?? {};
  return `${parameters.toLocaleString("en")} learned numbers; filters reconstruct a signal but for ${reconstructionError.toExponential(1)} of it${speed ? `; one sample takes ${compressed.toFixed(3)} ms in place of ${dense.toFixed(3)} (${ratio.toFixed(2)} times), ${fasterFrom === undefined ? "no width that was tried is faster" : `such layers are faster from ${fasterFrom.toLocaleString("en")} × ${fasterFrom.toLocaleString("en")} on`}` : ""}.`;
}

/** "5 layers have one codebook of 128 codewords in common, which saves 3.46 KB: a, b, …" */
const sharingText = ({ layers, codewords, savedBytes }: SharedCodebook): string =>
  `${layers.length} layers have one codebook of ${codewords.toLocaleString("en")} codewords in common, which saves ${formatBytes(savedBytes)}: ${layers.join(", ")}.`;


/** What left, in which groups, and what it saves. */
function pruningBlocks({ pruning, layers }: CompressReport): Block[] {
  if (!pruning) return [];
  const { before, after, groups, effect: { loss, agreement } } = pruning, label = (id: string): string => layers.find(({ name }) => name === id)?.label ?? id;
  return [
    `${percent(1 - after.macs / before.macs)} less to compute (${counted(before.macs)} → ${counted(after.macs)} multiply-accumulates a sample) and ${percent(1 - after.weights / before.weights)} fewer weights (${counted(before.weights)} → ${counted(after.weights)}), by channels that are gone; that alone leaves ${agreement === undefined ? `a relative error of ${percent(loss)}` : `an agreement of ${percent(agreement)}`} on the images that the other weights were fitted to. Bits per weight divide by the weights that layers had before.`, "",
    { head: ["channels that are gone", "of", "made by"], rows: groups.map(({ layers: names, channels, removed }) => [String(removed), String(channels), names.map(label).join(", ")]), figures: [0, 1] }, "",
  ];
}

/** What was tried for a size, and what was taken. */
const trialBlocks = (trials: readonly PruningTrial[], isClassifier: boolean): Block[] => [
  "Ways to this size; channels go only where that clearly loses less:", "",
  { head: ["less to compute", isClassifier ? "divergence" : "relative squared error", ""], rows: trials.map(({ compute, loss, problem, isChosen }) => [compute ? percent(compute) : "all channels", loss === undefined ? problem ?? "" : isClassifier ? nats(loss) : loss.toPrecision(3), isChosen ? "taken" : ""]), figures: [] }, "",
];

/** "0.00330 nats": how far the probabilities of a classifier's outputs diverge. */
const nats = (divergence: number): string => `${divergence.toPrecision(3)} nats`;

const counted = (count: number): string => (count >= 1e6 ? `${(count / 1e6).toPrecision(3)} million` : count.toLocaleString("en"));

/** What became of a model and of each of its layers. */
export function compressionDocument(report: CompressReport, isPrepared: boolean): Document {
  const blocks: Block[] = [layerTable(["layer", "operator", "weight", "stored as", "bytes", "bits/weight", "SQNR"], report.layers.map((l) => ({
    cells: [l.label ?? l.name, l.op, l.shape.join("×"), l.method ? describe(l) : l.originalShape ? "floats" : "as it was", formatBytes(l.bytes), l.bitsPerWeight.toFixed(2), decibels(l.sqnrDb)], remark: l.sqnrDb === undefined ? l.skipped : undefined, bytes: l.bytes,
  })))];
  const { input, output, fidelity, tuning, integers } = report;
  blocks.push("", ...isPrepared ? [`Written: ${output.path}, ${formatBytes(output.bytes)}, the original's floats after a training.`] : [`Written: ${output.path}, ${formatBytes(output.bytes)} (${formatBytes(output.gzipBytes)} gzipped), ${timesText(sizeRatio(input.bytes, output.bytes))} than ${formatBytes(input.bytes)}.`, `Once loaded its weights take ${formatBytes(output.loadedWeightBytes)}${integers || report.trims || report.pruning || report.layers.some(({ wavelet }) => wavelet) ? "" : ", as before"}${activationsText(input.peakActivationBytes, output.peakActivationBytes)}.`]);
  if (report.convBitsPerWeight !== undefined && !isPrepared) blocks.push(`${report.convBitsPerWeight.toFixed(3)} bits per convolution weight, read off the file.`);
  for (const one of report.shared ?? []) blocks.push(sharingText(one));
  for (const { name, label = name, wavelet } of report.layers) if (wavelet) blocks.push(`${label}: ${waveletText(wavelet)}`);
  blocks.push(...pruningBlocks(report), ...report.pruningTrials ? trialBlocks(report.pruningTrials, (report.fidelity?.agreement ?? report.pruning?.effect.agreement) !== undefined) : []);
  if (report.trims) blocks.push(trimsText(report.trims));
  if (tuning) {
    const { steps, device } = tuning;
    blocks.push(...isPrepared ? [`Trained ${steps.toLocaleString("en")} steps on ${device}.`, preparedWords(tuning, ENGLISH)] : [tuningText(tuning)]);
  }
  if (integers) blocks.push(...integerBlocks(integers));
  if (fidelity) {
    const parts = [`${fidelity.samples === 1 ? "1 image" : `${fidelity.samples.toLocaleString("en")} images`} held out`];
    if (fidelity.agreement !== undefined) parts.push(`agreement ${percent(fidelity.agreement)} (95 %: ${wilson(fidelity.agreement, fidelity.samples).map(percent).join(" to ")})`);
    if (fidelity.compressed.top1 !== undefined) parts.push(`top-1 ${percent(fidelity.reference.top1)} → ${percent(fidelity.compressed.top1)}${fidelity.changes ? `, ${changeText(fidelity.changes.top1)}` : ""}`);
    if (fidelity.sqnrDb !== undefined) parts.push(`outputs' SQNR ${decibels(fidelity.sqnrDb)}${within(fidelity.intervals?.sqnrDb, signed)}`);
    blocks.push(`${parts.join(", ")}.`);
  } else if (!isPrepared) blocks.push(`Its accuracy was not measured: that takes images, by --data or --eval-data.${report.images ? "" : " Fitted to images, by --data, a file of this size usually loses less."}`);
  for (const note of report.notes ?? []) blocks.push(`Note: ${note}`);
  blocks.push(`${report.seconds.total.toFixed(1)} s.`);
  return { title: `${nameOf(input.path)} → ${nameOf(output.path)}`, keyFigures: keyFigures(report, isPrepared), blocks, local: output.path };
}

/** What a training has come to, in the words of the editor. */
export const tuningText = (tuning: TuningReport): string => tuningWords(tuning, ENGLISH);

const ENGLISH: Speech = {
  t: (message, ...args) => message.replace(/\{(\d)\}/g, (_, i: string) => String(args[Number(i)])), whole: (count) => count.toLocaleString("en"),
  percent: (share) => (100 * share).toFixed(2), loss: (loss) => loss.toPrecision(3), points,
};

/** "12.3 dB", nothing where there is none. */
export const decibels = (value: number | undefined): string => (value === undefined ? "" : `${signed(value)} dB`);

/** What a compression comes to. */
function keyFigures({ input, output, convBitsPerWeight, fidelity }: CompressReport, isPrepared: boolean): KeyFigure[] {
  const ratio = sizeRatio(input.bytes, output.bytes), top1 = fidelity?.compressed.top1;
  return [
    ...(isPrepared ? [] : [[`${ratio.times.toFixed(1)}×`, ratio.isLarger ? "larger" : "smaller"] as const]), [formatBytes(output.bytes), `of ${formatBytes(input.bytes)}`], ...(convBitsPerWeight === undefined || isPrepared ? [] : [[convBitsPerWeight.toFixed(2), "bits per convolution weight"] as const]),
    ...(fidelity?.agreement === undefined ? [] : [[percent(fidelity.agreement), `agreement on ${fidelity.samples.toLocaleString("en")} images held out`] as const]), ...(top1 === undefined ? [] : [[percent(top1), `top-1, before ${percent(fidelity?.reference.top1 ?? 0)}`] as const]),
  ];
}

const timesText = ({ times, isLarger }: ReturnType<typeof sizeRatio>): string => `${times.toFixed(1)} times ${isLarger ? "larger" : "smaller"}`;

/** How much of activations is alive at once, of one image. */
const activationsText = (before: number | undefined, now: number | undefined): string =>
  (now === undefined ? "" : `; activations of one image at most ${formatBytes(now)} at once${before === undefined || before === now ? "" : `, before ${formatBytes(before)}`}`);

/** What is no longer in a file beside its weights, in words. */
function trimsText(trims: readonly Trim[]): string {
  const words: Record<Trim["what"], string> = { constants: "constants computed ahead", normalizations: "batch normalizations folded", names: "short names", biases: "biases of 16 bits" };
  return `Beside the weights ${formatBytes(trims.reduce((sum, { savedBytes }) => sum + savedBytes, 0))} less: ${trims.map(({ what, savedBytes }) => `${words[what]} ${formatBytes(savedBytes)}`).join(", ")}.`;
}

/** Exceptions that are told one by one; the JSON has all. */
const TOLD = 8;

/** Batch normalizations in fixed point, and whether each gives what exact arithmetic does. */
function normalizationBlocks(all: readonly FixedNormalization[]): Block[] {
  const sum = (of: (one: FixedNormalization) => number) => all.reduce((total, one) => total + of(one), 0), wrong = sum(({ exceptions }) => exceptions.length), span = ({ least, most }: FixedNormalization["shift"]) => (least === most ? String(least) : `${least} to ${most}`);
  const told = all.flatMap(({ node, exceptions }) => exceptions.map(({ channel, input, off }) => `${node}, channel ${channel}, input ${input}: ${Math.abs(off)} too ${off > 0 ? "large" : "small"}.`));
  return [
    "", "Batch normalizations in fixed point, (A·q + B) >> k:", "",
    { head: ["normalization", "channels", "bits of A", "bits of B", "k", "outputs that differ"], rows: all.map(({ node, channels, bits, shift, exceptions, inputs }) => [node, String(channels), String(bits.a), String(bits.b), span(shift), `${exceptions.length} of ${(channels * inputs).toLocaleString("en")}`]), figures: [1, 2, 3, 4, 5] },
    `Of all ${sum(({ channels, inputs }) => channels * inputs).toLocaleString("en")} inputs ${wrong ? `${wrong.toLocaleString("en")} come out otherwise than by exact arithmetic:` : "every one comes out as by exact arithmetic."}`,
    ...told.slice(0, TOLD), ...(told.length > TOLD ? [`… and ${(told.length - TOLD).toLocaleString("en")} more, which --json lists.`] : []), "",
  ];
}

function integerBlocks({ convolutions, floatConvolutions, floats, layers, floor, agreement, normalizations }: IntegerReport): Block[] {
  const blocks: Block[] = [];
  blocks.push(`${convolutions ? `${convolutions - floatConvolutions} of ${convolutions} convolutions run on integers` : "There are no convolutions"}${floats.length ? "" : convolutions ? ", and so does everything else" : "; everything runs on integers"}.`);
  for (const line of floatLines(floats)) blocks.push(`In floats: ${line}`);
  if (normalizations) blocks.push(...normalizationBlocks(normalizations));
  if (agreement !== undefined) blocks.push(`Agreement on calibration images ${percent(agreement)}.`);
  if (!layers) return blocks;
  const figure = ({ agreement: share, loss }: IntegerEffect) => (share === undefined ? `relative squared error ${loss.toExponential(1)}` : `${percent(share)}, divergence ${nats(loss)}`);
  blocks.push("", { head: ["layer", "it alone as integers", "all but it"], rows: layers.map(({ layer, alone, without }) => [layer, figure(alone), figure(without)]), figures: [] });
  if (floor) blocks.push(`With floats in every layer: ${figure(floor)}, which compressed weights cost by themselves.`);
  blocks.push("");
  return blocks;
}
