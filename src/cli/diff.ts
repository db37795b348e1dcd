import * as path from "node:path";
import { measurePair } from "../compression/measure";
import { openPair } from "../compression/pair";
import { Tracer } from "../compression/trace";
import type { ClassifierFigures, Measured, MeasureRequest, OutputFigures } from "../protocol/accuracy";
import { DEVICES } from "../protocol/api";
import type { ComparedLayer, ComparedModels, ComparedNode, FileSizes, Incomparable } from "../protocol/compare";
import { KernelscopeError } from "../protocol/errors";
import { formatBytes, formatChange, sizeRatio } from "../protocol/sizes";
import { type NodeHost, nodeHost, openModelFile } from "../worker/host";
import { fittedShare, MadeFiles } from "../worker/made";
import { viewer } from "../worker/viewer";
import type { Block, Document, KeyFigure } from "./document";
import { decibels, describe, layerTable } from "./documents";
import { check, thresholds } from "./jobs";
import { changeText, errorText, natsText } from "./intervals";
import { seenText } from "./seen";
import { percent, reporter, write } from "./terminal";
import { type Arguments, file, flag, oneOf, whole } from "./values";

/** So many samples and nodes are listed in words. */
const MOST_LISTED = 50, MOST_NODES = 4;

/** What stands in one model's file of a layer. */
interface Stored { bytes: number; bitsPerWeight: number; shape: number[]; method?: string; storedAs: string }
/** Why a layer has no figure for its weights, where that is no matter of course. */
const WHY_NOT: Record<Incomparable, string | undefined> = {
  alone: undefined, computed: "Its weights cannot be compared: one of the two is computed when the model runs.", shape: "Its weights are of another shape.",
  channels: "Its weights are not compared: it was pruned, and neither B nor its weights say clearly which channels are left.",
};

/** A layer in both models. `sqnrDb`: of B's weight beside A's; absent where nothing is lost or the two cannot be compared. */
interface LayerDiff extends Pick<ComparedLayer, "resized" | "folded"> { layer: string; label: string; op: string; change: "same" | "changed" | "added" | "removed"; /** Its name in B, where that is another one. */ nameAfter?: string; before?: Stored; after?: Stored; sqnrDb?: number; flipsBegin?: number; note?: string }
/** A sample whose prediction differs; `layer` is the first at which it is further off than nine of ten others, if there is one. */
interface FlipDiff { sample: string; label?: string; before: string; after: string; layer?: string }
interface SideFacts extends FileSizes { path: string; opset: number }
/** What both do on the same samples; `outputs` of models that are no classifiers. */
interface Fidelity extends Partial<Pick<ClassifierFigures, "agreement" | "kl" | "top1">> { samples: number; flips?: { count: number; listed: FlipDiff[] }; outputs?: Pick<OutputFigures, "name" | "relativeError" | "interval" | "sqnrDb">[] }
/** The figures of `diff --json`. */
interface DiffReport { before: SideFacts; after: SideFacts; layers: LayerDiff[]; operators: { op: string; before: number; after: number }[]; nodes: ComparedModels["nodes"]; fidelity?: Fidelity; notes?: string[] }

/** Two models beside each other: sizes, layers, operators, and what their predictions have in common where there are samples. */
export async function runDiff(args: Arguments, signal: AbortSignal): Promise<void> {
  const [before, after] = [args.model, args.other!].map((name) => path.resolve(name)), limits = thresholds(args), data = file(args, "data");
  if (limits.length && data === undefined) throw new KernelscopeError("usage", "--fail-under needs images to measure on: give --data DIR.");
  const measuring = measuringOptions(args), useless = Object.entries(measuring).filter(([, value]) => value !== undefined).map(([name]) => `--${name}`);
  if (useless.length && data === undefined) throw new KernelscopeError("usage", `${useless.join(" and ")} ${useless.length === 1 ? "says" : "say"} how predictions are compared, for which there are no images: give --data DIR, or leave ${useless.length === 1 ? "it" : "them"} out.`);
  const worker = viewer(), progress = reporter(flag(args, "quiet"));
  try {
    if (data !== undefined) await checkPair({ original: before, compressed: after, data, ...measuring });
    const { original, compressed, layers, nodes } = await worker.compared(before, after);
    const report: DiffReport = {
      before: { path: before, opset: original.opset, ...await worker.sizes(before) }, after: { path: after, opset: compressed.opset, ...await worker.sizes(after) },
      layers: [], operators: differingCounts(await operators(before), await operators(after)), nodes,
    };
    for (const [i, layer] of layers.entries()) {
      if (signal.aborted) throw new KernelscopeError("cancelled", "Cancelled.");
      progress.report({ stage: "compare", text: `comparing layer ${layer.label}, ${i + 1} of ${layers.length}`, fraction: i / layers.length });
      const weights = await worker.comparedWeights(before, after, layer.id, 0);
      report.layers.push(layerDiff(layer, weights));
    }
    if (data !== undefined) {
      const { notes, ...fidelity } = await fidelityOf({ original: before, compressed: after, data, ...measuring }, progress.report, signal);
      report.fidelity = fidelity;
      for (const layer of report.layers) {
        const count = fidelity.flips?.listed.filter((flip) => flip.layer === layer.layer).length;
        if (count) layer.flipsBegin = count;
      }
      const made = await new MadeFiles().of(after), seen = made && await fittedShare(made, data);
      if (made && seen !== undefined) notes.unshift(seenText(after, made, seen));
      if (notes.length) report.notes = notes;
    }
    progress.end();
    write(args, report, () => diffDocument(report));
    check(limits, { agreement: report.fidelity?.agreement?.value, top1: report.fidelity?.top1?.after.value });
  } finally {
    progress.end();
    await worker.close(before);
    await worker.close(after);
  }
}

/** What says how both are run, read and checked even where nothing is. */
const measuringOptions = (args: Arguments): Pick<MeasureRequest, "preprocess" | "limit" | "device" | "threads"> =>
  ({ preprocess: file(args, "preprocess"), limit: whole(args, "limit", 1), device: oneOf(args, "device", DEVICES), threads: whole(args, "threads", 1, 1024) });

/** Says at once what keeps both from being run on the samples; comparing weights takes longer. */
async function checkPair(request: MeasureRequest): Promise<void> {
  const host = await nodeHost({ threads: 1 });
  try {
    await (await openPair(request, host)).close();
  } finally {
    await host.close();
  }
}

/** Both models over the same samples. */
async function fidelityOf(request: MeasureRequest, onProgress: ReturnType<typeof reporter>["report"], signal: AbortSignal): Promise<Fidelity & { notes: string[] }> {
  const host = await nodeHost({ threads: request.threads });
  try {
    const measured = await measurePair(request, host, ({ samples: done, total, secondsLeft }) => onProgress({ stage: "evaluate", text: `${done.toLocaleString("en")} of ${total.toLocaleString("en")} samples`, fraction: done / total, secondsLeft }), signal), { samples, classifier, outputs, notes, warnings } = measured;
    const flips = classifier && await flipsOf(measured, request, host, onProgress, signal);
    return { samples, ...(flips && { flips }), ...(classifier && { agreement: classifier.agreement, kl: classifier.kl, top1: classifier.top1 }), ...(outputs && { outputs: outputs.map(({ name, relativeError, interval, sqnrDb }) => ({ name, relativeError, interval, sqnrDb })) }), notes: [...notes, ...warnings] };
  } finally {
    await host.close();
  }
}

/** What both say of the samples on which they differ, and at which layer each left the others. */
async function flipsOf({ classifier, flips, classes }: Measured, request: MeasureRequest, host: NodeHost, onProgress: ReturnType<typeof reporter>["report"], signal: AbortSignal): Promise<Fidelity["flips"]> {
  const { lost = 0, gained = 0, other = 0 } = classifier?.flips ?? {}, origins = new Map<number, string | undefined>(), nameOf = (index: number): string => classes?.[index] ?? String(index);
  if (flips.length) {
    const tracer = await Tracer.open(request, host);
    try {
      if (tracer.layers.length) for (const { position, layer } of (await tracer.origins(flips.map(({ position }) => position), ({ done, total }) => onProgress({ stage: "trace", text: `following samples layer by layer, ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`, fraction: done / total }), signal)).found) origins.set(position, layer);
    } finally {
      await tracer.close();
    }
  }
  return { count: lost + gained + other, listed: flips.map(({ position, name, label, original: [before], compressed: [after] }): FlipDiff => ({ sample: name, ...(label !== undefined && { label: nameOf(label) }), before: nameOf(before.class), after: nameOf(after.class), layer: origins.get(position) })) };
}

function layerDiff({ id, label, before, after, skipped, resized, folded }: ComparedLayer, weights: { sqnrDb?: number } | Incomparable): LayerDiff {
  const stored = (row: typeof before): Stored | undefined => row && { bytes: row.bytes, bitsPerWeight: row.bitsPerWeight, shape: row.shape, method: row.method, storedAs: row.method === undefined && !row.grids ? row.dataType : describe(row) };
  const sqnrDb = typeof weights === "string" ? undefined : weights.sqnrDb, isSame = before && after && before.method === after.method && Math.abs(before.bitsPerWeight - after.bitsPerWeight) < 0.005 && before.shape.join() === after.shape.join() && sqnrDb === undefined && typeof weights !== "string";
  const note = skipped ?? (typeof weights === "string" ? WHY_NOT[weights] : undefined);
  return { layer: id, label, op: (after ?? before)!.op, change: !before ? "added" : !after ? "removed" : isSame ? "same" : "changed", before: stored(before), after: stored(after), sqnrDb, resized, folded, ...(before && after && before.name !== after.name && { nameAfter: after.name }), ...(note !== undefined && { note }) };
}

/** How many nodes of each operator a model's graphs have. */
async function operators(file: string): Promise<Map<string, number>> {
  const { model, close } = await openModelFile(file), counts = new Map<string, number>();
  for (const graph of model.graphs) for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  await close();
  return counts;
}

function differingCounts(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): DiffReport["operators"] {
  return [...new Set([...before.keys(), ...after.keys()])].map((op) => ({ op, before: before.get(op) ?? 0, after: after.get(op) ?? 0 })).filter((one) => one.before !== one.after).sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before) || a.op.localeCompare(b.op));
}

function diffDocument({ before, after, layers, operators, nodes, fidelity, notes = [] }: DiffReport): Document {
  const { times, isLarger } = sizeRatio(before.bytes, after.bytes), count = (change: LayerDiff["change"]) => layers.filter((one) => one.change === change).length, shown = layers.filter(({ change }) => change !== "same");
  const blocks: Block[] = [`${formatChange(before.bytes, after.bytes)}, ${times < 1.05 ? "about as large" : `${times.toFixed(1)} times ${isLarger ? "larger" : "smaller"}`}; gzipped ${formatChange(before.gzipBytes, after.gzipBytes)}; once loaded weights take ${formatChange(before.loadedWeightBytes, after.loadedWeightBytes)}.`];
  if (before.opset !== after.opset) blocks.push(`Operator set ${before.opset} → ${after.opset}.`);
  if (fidelity) blocks.push(fidelityText(fidelity));
  blocks.push(!layers.length ? "Neither has layers with weights." : `${layers.length} ${layers.length === 1 ? "layer" : "layers"}: ${(["changed", "added", "removed", "same"] as const).filter((change) => count(change)).map((change) => `${count(change)} ${change === "same" ? "as before" : change}`).join(", ")}.`);
  if (shown.length) {
    const table = layerTable(["layer", "operator", "weight", "stored as", "bytes", "bits/weight", "SQNR"], shown.map(({ op, before: from, after: to, sqnrDb, note, ...one }) => ({
      cells: [namedChange(one), op, either(from?.shape.join("×"), to?.shape.join("×")), either(from?.storedAs, to?.storedAs), from && to && formatBytes(from.bytes) !== formatBytes(to.bytes) ? formatChange(from.bytes, to.bytes) : formatBytes((from ?? to)?.bytes ?? 0), either(from?.bitsPerWeight.toFixed(2), to?.bitsPerWeight.toFixed(2)), decibels(sqnrDb)],
      remark: sqnrDb === undefined ? note : undefined, bytes: to?.bytes ?? 0,
    })));
    blocks.push("", shown.length > 12 ? { ...table, folded: `The ${shown.length} layers that differ` } : table, "");
  }
  blocks.push(...flipBlocks(layers, fidelity?.flips), ...nodeLines(nodes, layers));
  if (operators.length) blocks.push(`Nodes: ${operators.map(({ op, before: from, after: to }) => `${op} ${from} → ${to}`).join(", ")}.`);
  const { agreement, top1 } = fidelity ?? {}, keyFigures: KeyFigure[] = [
    ...(times < 1.05 ? [] : [[`${times.toFixed(1)}×`, isLarger ? "larger" : "smaller"] as const]), [formatBytes(after.bytes), `of ${formatBytes(before.bytes)}`],
    ...(fidelity && agreement ? [[percent(agreement.value), `agreement on ${fidelity.samples.toLocaleString("en")} samples`] as const] : []), ...(top1 ? [[percent(top1.after.value), `top-1, before ${percent(top1.before.value)}`] as const] : []),
  ];
  return { title: `${path.basename(before.path)} → ${path.basename(after.path)}`, keyFigures, blocks: [...blocks, ...notes.map((note) => `Note: ${note}`)] };
}

/** A layer's name, and what became of it where that is more than other bytes. */
function namedChange({ label, change, nameAfter, resized, folded }: Pick<LayerDiff, "label" | "change" | "nameAfter" | "resized" | "folded">): string {
  const [from, to] = resized?.outputs ?? [], notes = [
    ...(change === "changed" || change === "same" ? [] : [change]), ...(from !== undefined && to !== undefined ? [`${to < from ? "pruned" : "widened"} ${from} → ${to}`] : []), ...(folded ? [`${[...new Set(folded.ops)].join(", ")} folded${folded.into === "before" ? " in A" : ""}`] : []), ...(nameAfter === undefined ? [] : [`${nameAfter} in B`]),
  ];
  return notes.length ? `${label} (${notes.join("; ")})` : label;
}

/** Where flips begin, and all of them. */
function flipBlocks(layers: readonly LayerDiff[], flips: Fidelity["flips"]): Block[] {
  if (!flips?.count) return [];
  const { count, listed } = flips, among = listed.length < count ? `${listed.length === 1 ? "of the one" : `of the ${listed.length}`} that changed most ` : "", begin = layers.filter(({ flipsBegin }) => flipsBegin), labels = new Map(layers.map(({ layer, label }) => [layer, label])), within = listed.filter(({ layer }) => layer === undefined).length;
  return [
    `${count} ${count === 1 ? "prediction differs" : "predictions differ"}. Where ${among}a sample is first further off than nine of ten others:`, "",
    { head: ["layer", "flips that begin here"], figures: [1], rows: [...begin.map(({ label, flipsBegin }) => [label, String(flipsBegin)]), ...(within ? [["at none: no further off than others", String(within)]] : [])] }, "",
    { head: ["sample", "label", "A", "B", "begins at"], figures: [], folded: listed.length === 1 ? "The sample" : `The ${listed.length} samples`, rows: listed.slice(0, MOST_LISTED).map(({ sample, label, before, after, layer }) => [sample, label ?? "", before, after, layer === undefined ? "" : labels.get(layer) ?? layer]) },
    ...(listed.length > MOST_LISTED ? [`The first ${MOST_LISTED} are listed; --json has them all.`] : []), "",
  ];
}

/** Nodes that are no layers and that one model alone has; what layers took in is not gone. */
function nodeLines({ added, removed }: ComparedModels["nodes"], layers: readonly LayerDiff[]): string[] {
  const line = (what: string, nodes: readonly ComparedNode[]): string[] => (nodes.length ? [`${what}: ${countedNodes(nodes)}.`] : []);
  const folded = layers.filter((layer) => layer.folded).length, renamed = layers.filter(({ nameAfter }) => nameAfter !== undefined).length;
  return [...(renamed ? [`${renamed} ${renamed === 1 ? "layer has another name" : "layers have other names"} in B.`] : []), ...(folded ? [`In ${folded} ${folded === 1 ? "layer" : "layers"} normalizations, scales or activations are part of the weights or of the operator itself.`] : []), ...line("Other nodes that were added", added), ...line("Other nodes that were removed", removed)];
}

/** "2 QuantizeLinear, 3 Relu (stem.act, head.act and 1 more)": names only where they are words, for exporters and `--trim` make others. */
export function countedNodes(nodes: readonly Pick<ComparedNode, "op" | "name">[]): string {
  const names = new Map<string, string[]>();
  for (const { op, name } of nodes) names.set(op, [...names.get(op) ?? [], name]);
  return [...names].map(([op, all]) => {
    const words = all.filter((name) => WORD.test(name)), shown = words.slice(0, MOST_NODES), more = words.length - shown.length;
    return `${all.length} ${op}${shown.length ? ` (${shown.join(", ")}${more ? ` and ${more} more` : ""})` : ""}`;
  }).join(", ");
}

/** A name that tells somebody something. */
const WORD = /[a-z]{3}/i;

/** What stands before and after, or the one of them that is there or does not change. */
const either = (before: string | undefined, after: string | undefined): string => (before === undefined || after === undefined || before === after ? before ?? after ?? "" : `${before} → ${after}`);

function fidelityText({ samples, agreement, top1, kl, outputs = [] }: Fidelity): string {
  const parts = [
    ...(agreement ? [`agreement ${percent(agreement.value)} (95 %: ${percent(agreement.low)} to ${percent(agreement.high)})`] : []), ...(top1 ? [`top-1 ${percent(top1.before.value)} → ${percent(top1.after.value)}, ${changeText(top1.change)}`] : []), ...(kl ? [`KL ${natsText(kl.value, [kl.low, kl.high])}`] : []),
    ...outputs.map(({ name, relativeError, interval, sqnrDb }) => `${name}: relative error ${errorText(relativeError, interval)}${sqnrDb === undefined ? "" : `, SQNR ${decibels(sqnrDb)}`}`),
  ];
  return `On ${samples.toLocaleString("en")} samples: ${parts.join(", ")}.`;
}
