import { findChannels, STAYS, type LayerChannels } from "../onnx/channels/channels";
import { leftOver, spreadRows, type LeftOver } from "../onnx/channels/mark";
import type { Layer } from "../onnx/layers";
import { inputsOf, kernelSize, outputsOf } from "../methods/rows";
import type { SideOf } from "./comparison";

/** Of wider rows so many weights are looked at, evenly over all; layers of more parameters in all are not looked at. */
const LOOKED_AT = 1024, MOST_PARAMETERS = 64e6;
/** Mean cosine from which on rows are alike, and the least of any; what a match lacks to 1 is this share of what the next best lacks at most; rows that lack less are the same. */
const ALIKE = 0.5, LEAST = 0.25, CLEARLY = 0.8, SAME = 1e-6;

/** Rows of a layer's weight by output channel; undefined where they are not known. */
type Rows = (side: "original" | "compressed", layer: Layer) => Promise<Float32Array | undefined>;

/**
 * Which channels of the original are left in the layers of a model, by their identity there: as its file notes them, or, where that says nothing, as weights and the original's structure
 * tell them. Layers where this is not clear are absent.
 * @param match layers of the original, and what stands for each
 */
export async function leftChannels(original: SideOf, compressed: SideOf, match: ReadonlyMap<Layer, Layer>, rowsOf: Rows): Promise<Map<string, LeftOver>> {
  const noted = leftOver(compressed.opened.model, compressed.layers), pruned = original.layers.flatMap((layer) => { const other = match.get(layer); return other && isPruned(layer, other) ? [[layer, other] as const] : []; });
  if (noted.size || !pruned.length || pruned.reduce((sum, [{ parameters }]) => sum + parameters, 0) > MOST_PARAMETERS) return noted;
  const own = findChannels(original.opened.model, { layers: [...original.layers] }).layers, known = new Map<number, boolean>(), found = new Map<string, LeftOver>();
  for (let open = pruned; open.length;) {
    const rest: typeof pruned = [];
    for (const [layer, other] of open) {
      const left = await leftOf(layer, other, own.get(layer), known, rowsOf);
      if (left === "open") rest.push([layer, other]);
      else if (left) found.set(other.id, left);
    }
    if (rest.length === open.length) break;
    open = rest;
  }
  return found;
}

/** Whether one has fewer channels than the other, and is as it was otherwise. */
export function isPruned({ dims, outputAxis }: Layer, other: Layer): boolean {
  return dims.length > 1 && other.dims.length === dims.length && other.outputAxis === outputAxis && !other.chain && dims.some((dim, i) => dim !== other.dims[i]) && dims.every((dim, i) => (i > 1 ? dim === other.dims[i] : dim >= other.dims[i]));
}

/** What is left of one layer, with what is known of channels so far, to which its own are added; "open" where its inputs are not known yet. */
async function leftOf(layer: Layer, other: Layer, channels: LayerChannels | undefined, known: Map<number, boolean>, rowsOf: Rows): Promise<LeftOver | "open" | undefined> {
  const axis = layer.outputAxis, inputs = stillThere(channels?.inputs, layer.dims[1 - axis], other.dims[1 - axis], known);
  let outputs = stillThere(channels?.outputs, layer.dims[axis], other.dims[axis], known);
  if (inputs === "open") return "open";
  if (!inputs || !outputs) return undefined;
  const [before, after] = [await rowsOf("original", layer), await rowsOf("compressed", other)];
  if (before?.length !== layer.parameters || after?.length !== other.parameters) return undefined;
  const read: LeftOver = { dims: layer.dims, inputs }, narrow = spreadRows(read, axis, before, "cut"), width = inputs.length * kernelSize(layer);
  if (inputsOf(other) !== width || outputsOf(other) * width !== after.length) return undefined;
  if (outputs === "open") {
    outputs = alignRows(narrow, after, width);
    for (const [m, channel] of channels?.outputs?.entries() ?? []) if (outputs && channel !== STAYS) {
      const stays = outputs.includes(m);
      if ((known.get(channel) ?? stays) !== stays) outputs = undefined; // two places say different things of one channel
      else known.set(channel, stays);
    }
  } else if (meanCosine(narrow, after, width, outputs) < ALIKE) return undefined;
  const whole = (kept: readonly number[], count: number) => (kept.length === count ? undefined : kept);
  return outputs && { dims: layer.dims, outputs: whole(outputs, layer.dims[axis]), inputs: whole(inputs, layer.dims[1 - axis]) };
}

/** Places along an axis that are left, as far as that is known of all its channels. */
function stillThere(channels: Int32Array | undefined, before: number, after: number, known: ReadonlyMap<number, boolean>): number[] | "open" | undefined {
  const places = Array.from({ length: before }, (_, i) => i);
  if (before === after) return places;
  if (channels?.length !== before) return undefined;
  if (channels.some((channel) => channel !== STAYS && !known.has(channel))) return "open";
  const left = places.filter((i) => known.get(channels[i]) ?? true);
  return left.length === after ? left : undefined;
}

/**
 * Which rows of one weight those of another are, in order: of all ways to keep the order the one with the most cosine between what is put together.
 * Undefined where some row has no match that is clearly the best.
 * @param rows [M, width] @param left [M′ ≤ M, width]
 */
export function alignRows(rows: Float32Array, left: Float32Array, width: number): number[] | undefined {
  const step = Math.max(1, Math.floor(width / LOOKED_AT)), [a, b] = [unitRows(rows, width, step), unitRows(left, width, step)], [all, some] = [a.length, b.length];
  // best[i][j]: the first i rows that are left are among the first j of all
  const like = b.map((x) => Float64Array.from(a, (y) => dot(x, y))), best = Array.from({ length: some + 1 }, (_, i) => new Float64Array(all + 1).fill(i ? -Infinity : 0));
  for (let i = 1; i <= some; i++) for (let j = i; j <= all; j++) best[i][j] = Math.max(best[i][j - 1], best[i - 1][j - 1] + like[i - 1][j - 1]);
  const found = new Array<number>(some);
  for (let i = some, j = all; i > 0; j--) if (best[i][j] !== best[i][j - 1] || j === i) found[--i] = j - 1;
  // the places that a row could have as well lie between those of its neighbours
  const isClear = found.every((j, i) => like[i][j] >= LEAST && like[i].slice((found[i - 1] ?? -1) + 1, found[i + 1] ?? all).every((other, k) => k + (found[i - 1] ?? -1) + 1 === j || 1 - other > SAME && 1 - like[i][j] <= CLEARLY * (1 - other)));
  return isClear && found.reduce((sum, j, i) => sum + like[i][j], 0) >= ALIKE * some ? found : undefined;
}

/** Mean cosine of rows that are left and those that they are said to be. */
function meanCosine(rows: Float32Array, left: Float32Array, width: number, outputs: readonly number[]): number {
  const [a, b] = [unitRows(rows, width, 1), unitRows(left, width, 1)];
  return outputs.reduce((sum, m, i) => sum + dot(a[m], b[i]), 0) / (outputs.length || 1);
}

/** Every `step`-th weight of each row, of length 1 where it is not silent. */
function unitRows(rows: Float32Array, width: number, step: number): Float64Array[] {
  return Array.from({ length: rows.length / width }, (_, m) => {
    const row = Float64Array.from({ length: Math.ceil(width / step) }, (_, i) => rows[m * width + i * step]), norm = Math.hypot(...row);
    return norm > 0 ? row.map((v) => v / norm) : row;
  });
}

const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, v, i) => sum + v * y[i], 0);
