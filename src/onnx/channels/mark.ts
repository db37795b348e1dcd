import type { ModelEdit } from "../edit";
import type { Layer } from "../layers";
import type { Model } from "../model";
import type { Channels } from "./channels";

/** Metadata that say which channels of the original a model has. */
const KEY = "kernelscope.channels";

/** What is left of a layer: the shape of the original's weight, and which of its outputs and inputs, ascending; absent where all are. */
export interface LeftOver { dims: readonly number[]; outputs?: readonly number[]; inputs?: readonly number[] }

/** Notes in a model that is about to lose channels what its layers had. @param layers all, in the order of the model */
export function markChannels(edit: ModelEdit, layers: readonly Layer[], { layers: own }: Pick<Channels, "layers">, gone: ReadonlySet<number>): void {
  const byId = new Map([...own].map(([{ id }, channels]) => [id, channels])), masks: string[] = [];
  const numberOf = (channels: Int32Array | undefined): number => {
    if (!channels?.some((channel) => gone.has(channel))) return -1;
    const mask = encodeMask(Array.from(channels, (channel) => !gone.has(channel))), known = masks.indexOf(mask);
    return known < 0 ? masks.push(mask) - 1 : known;
  };
  const uses = layers.map(({ id }) => [byId.get(id)?.outputs, byId.get(id)?.inputs].map(numberOf).join(":"));
  edit.setMetadata(KEY, `${masks.join(",")};${uses.join(",").replaceAll("-1", "")}`);
}

/**
 * What is left of the original's layers, by their identity; empty where no channels were taken away, or where the note does not fit the model.
 * @param layers all of the model's, in its order
 */
export function leftOver({ metadata }: Pick<Model, "metadata">, layers: readonly Layer[]): Map<string, LeftOver> {
  const [masksText, usesText] = metadata.get(KEY)?.split(";") ?? [], found = new Map<string, LeftOver>();
  if (masksText === undefined || usesText === undefined) return found;
  const masks = masksText.split(",").map(decodeMask), uses = usesText.split(",");
  if (uses.length !== layers.length) return found;
  for (const [i, layer] of layers.entries()) {
    const [outputs, inputs] = uses[i].split(":").map((number) => (number === "" ? undefined : masks[Number(number)]));
    if (!outputs && !inputs) continue;
    const dims = [...layer.dims], { outputAxis } = layer;
    for (const [axis, mask] of [[outputAxis, outputs], [1 - outputAxis, inputs]] as const) {
      if (!mask) continue;
      if (mask.kept.length !== layer.dims[axis]) return new Map();
      dims[axis] = mask.count;
    }
    found.set(layer.id, { dims, outputs: outputs?.kept, inputs: inputs?.kept });
  }
  return found;
}

/** Rows [outputs, inputs · size] of what is left in the places of the original's, zeros elsewhere; or, the other way, of the original those that are left. */
export function spreadRows({ dims, outputs, inputs }: LeftOver, outputAxis: 0 | 1, rows: Float32Array, way: "spread" | "cut" = "spread"): Float32Array {
  const size = dims.slice(2).reduce((a, b) => a * b, 1), all = [dims[outputAxis], dims[1 - outputAxis]], kept = [outputs, inputs].map((some, i) => some ?? Array.from({ length: all[i] }, (_, at) => at));
  const result = new Float32Array((way === "spread" ? all[0] * all[1] : kept[0].length * kept[1].length) * size);
  kept[0].forEach((output, m) => kept[1].forEach((input, c) => {
    const whole = (output * all[1] + input) * size, part = (m * kept[1].length + c) * size;
    const [from, to] = way === "spread" ? [part, whole] : [whole, part];
    result.set(rows.subarray(from, from + size), to);
  }));
  return result;
}

/** Weights that the original's layer had. */
export const originalWeights = (layer: Layer, left: ReadonlyMap<string, LeftOver>): number => left.get(layer.id)?.dims.reduce((a, b) => a * b, 1) ?? layer.parameters;

/** "24.1.bits": entries of the axis, how many of them each bit stands for, and the bits in hexadecimal digits. */
function encodeMask(kept: readonly boolean[]): string {
  let run = kept.length;
  for (let from = 0; from < kept.length;) {
    let to = from + 1;
    while (to < kept.length && kept[to] === kept[from]) to++;
    run = gcd(run, to - from);
    from = to;
  }
  let digits = "";
  for (let at = 0; at < kept.length; at += 4 * run) digits += [0, 1, 2, 3].reduce((digit, i) => digit | (kept[at + i * run] ? 1 << i : 0), 0).toString(16);
  return `${kept.length}.${run}.${digits}`;
}

function decodeMask(text: string): { count: number; kept: number[] } {
  const [count, run, digits = ""] = text.split("."), kept: number[] = [];
  for (let i = 0; i < Number(count); i++) {
    const bit = Math.floor(i / Number(run));
    if (parseInt(digits[bit >> 2] ?? "0", 16) >> (bit & 3) & 1) kept.push(i);
  }
  return { count: Number(count), kept };
}

const gcd = (a: number, b: number): number => (b ? gcd(b, a % b) : a);
