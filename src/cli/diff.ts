import * as path from "node:path";
import { measurePair } from "../compression/measure";
import type { ClassifierFigures, OutputFigures } from "../protocol/accuracy";
import { DEVICES } from "../protocol/api";
import type { ComparedLayer, FileSizes } from "../protocol/compare";
import { KernelscopeError } from "../protocol/errors";
import { formatBytes, sizeRatio } from "../protocol/sizes";
import { nodeHost, openModelFile } from "../worker/host";
import { viewer } from "../worker/viewer";
import type { Block, Document } from "./document";
import { describe } from "./documents";
import { check, thresholds } from "./jobs";
import { percent, reporter, write } from "./terminal";
import { type Arguments, file, flag, oneOf, whole } from "./values";

/** What stands in one model's file of a layer. */
interface Stored { bytes: number; bitsPerWeight: number; shape: number[]; method?: string; storedAs: string }
/** A layer in both models. `sqnrDb`: of B's weight beside A's; absent where nothing is lost or the two cannot be compared. */
interface LayerDiff { layer: string; label: string; op: string; change: "same" | "changed" | "added" | "removed"; before?: Stored; after?: Stored; sqnrDb?: number; note?: string }
interface SideFacts extends FileSizes { path: string; opset: number }
/** What both do on the same samples; `outputs` of models that are no classifiers. */
interface Fidelity extends Partial<Pick<ClassifierFigures, "agreement" | "kl" | "top1">> { samples: number; outputs?: Pick<OutputFigures, "name" | "relativeError" | "sqnrDb">[] }
/** The figures of `diff --json`. */
interface DiffReport { before: SideFacts; after: SideFacts; layers: LayerDiff[]; operators: { op: string; before: number; after: number }[]; fidelity?: Fidelity; notes?: string[] }

/** Two models beside each other: sizes, layers, operators, and what their predictions have in common where there are samples. */
export async function runDiff(args: Arguments, signal: AbortSignal): Promise<void> {
  const [before, after] = [args.model, args.other!].map((name) => path.resolve(name)), limits = thresholds(args), data = file(args, "data");
  if (limits.length && data === undefined) throw new KernelscopeError("usage", "--fail-under needs images to measure on: give --data DIR.");
  const worker = viewer(), progress = reporter(flag(args, "quiet"));
  try {
    const { original, compressed, layers } = await worker.compared(before, after);
    const report: DiffReport = {
      before: { path: before, opset: original.opset, ...await worker.sizes(before) }, after: { path: after, opset: compressed.opset, ...await worker.sizes(after) },
      layers: [], operators: differingCounts(await operators(before), await operators(after)),
    };
    for (const [i, layer] of layers.entries()) {
      if (signal.aborted) throw new KernelscopeError("cancelled", "Cancelled.");
      progress.report({ stage: "compare", text: `comparing layer ${layer.label}, ${i + 1} of ${layers.length}`, fraction: i / layers.length });
      const weights = layer.before && layer.after ? await worker.comparedWeights(before, after, layer.id, 0) : undefined;
      report.layers.push(layerDiff(layer, weights));
    }
    if (data !== undefined) {
      const { notes, ...fidelity } = await fidelityOf(before, after, args, data, progress.report, signal);
      report.fidelity = fidelity;
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

/** Both models over the same samples. */
async function fidelityOf(before: string, after: string, args: Arguments, data: string, onProgress: ReturnType<typeof reporter>["report"], signal: AbortSignal): Promise<Fidelity & { notes: string[] }> {
  const threads = whole(args, "threads", 1, 1024), host = await nodeHost({ threads });
  try {
    const { samples, classifier, outputs, notes } = await measurePair({ original: before, compressed: after, data, preprocess: file(args, "preprocess"), limit: whole(args, "limit", 1), device: oneOf(args, "device", DEVICES), threads }, host, ({ samples: done, total, secondsLeft }) => onProgress({ stage: "evaluate", text: `${done.toLocaleString("en")} of ${total.toLocaleString("en")} samples`, fraction: done / total, secondsLeft }), signal);
    return { samples, ...(classifier && { agreement: classifier.agreement, kl: classifier.kl, top1: classifier.top1 }), ...(outputs && { outputs: outputs.map(({ name, relativeError, sqnrDb }) => ({ name, relativeError, sqnrDb })) }), notes };
  } finally {
    await host.close();
  }
}

function layerDiff({ id, label, before, after, skipped }: ComparedLayer, weights: { sqnrDb?: number } | undefined): LayerDiff {
  const stored = (row: typeof before): Stored | undefined => row && { bytes: row.bytes, bitsPerWeight: row.bitsPerWeight, shape: row.shape, method: row.method, storedAs: row.method === undefined ? row.dataType : describe(row) };
  const isSame = before && after && before.method === after.method && before.bytes === after.bytes && before.shape.join() === after.shape.join() && weights !== undefined && weights.sqnrDb === undefined;
  const note = skipped ?? (before && after && !weights ? "Its weights cannot be compared." : undefined);
  return { layer: id, label, op: (after ?? before)!.op, change: !before ? "added" : !after ? "removed" : isSame ? "same" : "changed", before: stored(before), after: stored(after), sqnrDb: weights?.sqnrDb, ...(note !== undefined && { note }) };
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

function diffDocument({ before, after, layers, operators, fidelity, notes = [] }: DiffReport): Document {
  const { times, isLarger } = sizeRatio(before.bytes, after.bytes), count = (change: LayerDiff["change"]) => layers.filter((one) => one.change === change).length, shown = layers.filter(({ change }) => change !== "same");
  const blocks: Block[] = [`${formatBytes(before.bytes)} → ${formatBytes(after.bytes)}, ${times < 1.05 ? "about as large" : `${times.toFixed(1)} times ${isLarger ? "larger" : "smaller"}`}; gzipped ${formatBytes(before.gzipBytes)} → ${formatBytes(after.gzipBytes)}; once loaded weights take ${formatBytes(before.loadedWeightBytes)} → ${formatBytes(after.loadedWeightBytes)}.`];
  if (before.opset !== after.opset) blocks.push(`Operator set ${before.opset} → ${after.opset}.`);
  if (fidelity) blocks.push(fidelityText(fidelity));
  blocks.push(`${layers.length} layers: ${(["changed", "added", "removed", "same"] as const).filter((change) => count(change)).map((change) => `${count(change)} ${change === "same" ? "as before" : change}`).join(", ")}.`);
  if (shown.length) {
    blocks.push("", {
      head: ["layer", "operator", "weight", "stored as", "bytes", "bits/weight", "SQNR"], figures: [4, 5, 6], folded: shown.length > 12 ? `The ${shown.length} layers that differ` : undefined,
      rows: shown.map(({ label, op, change, before: from, after: to, sqnrDb, note }) => [
        change === "changed" ? label : `${label} (${change})`, op, either(from?.shape.join("×"), to?.shape.join("×")), either(from?.storedAs, to?.storedAs), either(from && formatBytes(from.bytes), to && formatBytes(to.bytes)), either(from?.bitsPerWeight.toFixed(2), to?.bitsPerWeight.toFixed(2)), sqnrDb === undefined ? note ?? "" : `${sqnrDb.toFixed(1)} dB`,
      ]),
    }, "");
  }
  if (operators.length) blocks.push(`Nodes: ${operators.map(({ op, before: from, after: to }) => `${op} ${from} → ${to}`).join(", ")}.`);
  return { title: `${path.basename(before.path)} → ${path.basename(after.path)}`, blocks: [...blocks, ...notes.map((note) => `Note: ${note}`)] };
}

/** What stands before and after, or the one of them that is there or does not change. */
const either = (before: string | undefined, after: string | undefined): string => (before === undefined || after === undefined || before === after ? before ?? after ?? "" : `${before} → ${after}`);

function fidelityText({ samples, agreement, top1, kl, outputs = [] }: Fidelity): string {
  const parts = [
    ...(agreement ? [`agreement ${percent(agreement.value)} (95 %: ${percent(agreement.low)} to ${percent(agreement.high)})`] : []), ...(top1 ? [`top-1 ${percent(top1.before.value)} → ${percent(top1.after.value)}`] : []), ...(kl ? [`KL ${kl.value.toFixed(5)} nats`] : []),
    ...outputs.map(({ name, relativeError, sqnrDb }) => `${name}: relative error ${relativeError.toExponential(2)}${sqnrDb === undefined ? "" : `, SQNR ${sqnrDb.toFixed(1)} dB`}`),
  ];
  return `On ${samples.toLocaleString("en")} samples: ${parts.join(", ")}.`;
}
