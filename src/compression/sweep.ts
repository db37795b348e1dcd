import * as z from "zod/mini";
import { methods } from "../methods/registry";
import { findLayers, type Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { KernelscopeError } from "../protocol/errors";
import type { CompressReport } from "../protocol/report";
import { formatBytes, parseTarget, targetBytes } from "../protocol/sizes";
import { hashOf } from "./data";
import type { Job } from "./goal";
import type { Host, OpenedModel } from "./host";
import { leanModel } from "./lean/lean";
import { sizesOf } from "./write";

/** How many sizes a sweep has where a recipe names none, and how far above the smallest that could be written the first of them lies. */
const SIZES = 12, ABOVE_SMALLEST = 1.15;

/** A curve that is to be computed, point by point, by one process or by many. */
export interface Sweep {
  /** The same for all processes with one model, recipe and program; points of different ones do not make a curve. */
  key: string;
  /** Bytes, smallest first. */
  targets: number[];
}

const Figures = z.object({ bytes: z.number(), ratio: z.number(), convBitsPerWeight: z.optional(z.number()), bitsPerWeight: z.number(), sha256: z.string(), samples: z.optional(z.number()), agreement: z.optional(z.number()), kl: z.optional(z.number()), top1: z.optional(z.number()), originalTop1: z.optional(z.number()), sqnrDb: z.optional(z.number()), seconds: z.number() });
/** A finished point of a sweep: what was written, or why there is nothing. */
export const SweepPoint = z.object({ sweep: z.string(), points: z.int(), index: z.int(), target: z.number(), file: z.optional(z.string()), figures: z.optional(Figures), problem: z.optional(z.string()) });
export type SweepPoint = z.infer<typeof SweepPoint>;

/** The sizes of a recipe's sweep, and what tells its points from others. @param sizes how many there are where the recipe names none */
export async function sweepOf({ request, recipe, embedded }: Job, { model, bytes, files }: OpenedModel, host: Host, sizes = SIZES): Promise<Sweep> {
  const tooLarge = recipe.sweep?.targets?.find((text) => targetBytes(parseTarget(text), bytes) >= bytes);
  if (tooLarge !== undefined) throw new KernelscopeError("bad-recipe", `sweep.targets: ${tooLarge} is no less than the ${formatBytes(bytes)} that the model takes. Leave it out.`, { path: JSON.stringify(["sweep", "targets", recipe.sweep?.targets?.indexOf(tooLarge) ?? 0]) });
  const targets = recipe.sweep?.targets ? [...new Set(recipe.sweep.targets.map((text) => targetBytes(parseTarget(text), bytes)))].sort((a, b) => a - b) : await sizesBetween(model, embedded, sizes);
  const hashes = await Promise.all(files.map((file) => host.hash(file)));
  return { targets, key: (await hashOf(JSON.stringify([hashes, embedded, request.method, targets, await host.program()]))).slice(0, 16) };
}

/** Sizes from nearly the smallest that methods have a way to write to 8 bits a weight, one as many times the one before as the next. */
async function sizesBetween(model: Model, recipe: string, count: number): Promise<number[]> {
  const { model: lean, layers, biases } = await leanModel(model, 1), open = layers.filter(({ blocked }) => blocked === undefined);
  if (!open.length) throw new KernelscopeError("nothing-to-compress", `No layer of this model can be compressed${findLayers(model)[0]?.blocked ? `: ${findLayers(model)[0].blocked}` : "."}`);
  const size = (options: (layer: Layer) => ReturnType<typeof smallest>): number =>
    sizesOf(lean, open.flatMap((layer) => options(layer) ?? []), recipe, { biases }).fileBytes();
  const least = ABOVE_SMALLEST * size(smallest), most = size(eightBits);
  return Array.from({ length: count }, (_, i) => Math.round(least * (most / least) ** (i / Math.max(1, count - 1))));
}

function smallest(layer: Layer) {
  const all = methods.filter((method) => !method.isAsked && method.accepts(layer) === true).flatMap((method) => method.candidates(layer, false).map((candidate) => ({ method, ...candidate })));
  const best = all.reduce<(typeof all)[number] | undefined>((least, one) => (!least || one.bytes < least.bytes ? one : least), undefined);
  return best && { layer, packed: best.method.blank(layer, best.options, false) };
}

function eightBits(layer: Layer) {
  const method = methods.find(({ id }) => id === "integer")!;
  return method.accepts(layer) === true ? { layer, packed: method.blank(layer, { bits: 8 }, false) } : undefined;
}

/** What a report says of a point. */
export function figuresOf({ output: { bytes, sha256 }, ratio, convBitsPerWeight, bitsPerWeight, fidelity, seconds }: CompressReport): NonNullable<SweepPoint["figures"]> {
  return { bytes, ratio, convBitsPerWeight, bitsPerWeight, sha256, samples: fidelity?.samples, agreement: fidelity?.agreement, kl: fidelity?.kl, top1: fidelity?.compressed.top1, originalTop1: fidelity?.reference.top1, sqnrDb: fidelity?.sqnrDb, seconds: seconds.total };
}

/**
 * Joins the points of all processes into a curve, smallest first.
 * @throws KernelscopeError "bad-sweep" where points are missing, or belong to different sweeps
 */
export function mergePoints(points: readonly SweepPoint[]): SweepPoint[] {
  if (!points.length) throw new KernelscopeError("bad-sweep", "There is no point of a sweep in this folder. Run kernelscope sweep with -o first.");
  const [{ sweep, points: count }] = points, other = points.find((point) => point.sweep !== sweep || point.points !== count);
  if (other) throw new KernelscopeError("bad-sweep", `Points of different sweeps lie in this folder: ${nameOf(points[0])} is of ${sweep}, ${nameOf(other)} of ${other.sweep}. Model, recipe or program have changed in between; run the sweep into an empty folder.`);
  const byIndex = new Map(points.map((point) => [point.index, point])), missing = Array.from({ length: count }, (_, i) => i).filter((index) => !byIndex.has(index)).map((index) => index + 1);
  if (missing.length) throw new KernelscopeError("bad-sweep", `${missing.length === 1 ? "Point" : "Points"} ${missing.join(", ")} of ${count} ${missing.length === 1 ? "is" : "are"} missing. Run the processes again that have them: what is there already is not computed twice.`);
  const samples = new Set(points.flatMap(({ figures }) => (figures ? [JSON.stringify([figures.samples, figures.originalTop1])] : [])));
  if (samples.size > 1) throw new KernelscopeError("bad-sweep", "Points were measured on different images. Give all processes the same data.");
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}

/** Points are counted from 1 in words, as `sweep` tells them. */
const nameOf = ({ index, target }: SweepPoint): string => `point ${index + 1} (${formatBytes(target)})`;
