import * as z from "zod/mini";
import type { ValueFacts } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { convert, decodeImage } from "./images";
import { centreCrop, resize, type Pixels } from "./resize";

/** Where people say how images are prepared. */
const WHERE = "in a recipe's \"preprocess\", in a dataset.json beside the images, or in a file for --preprocess";

// zod/mini brings no messages of its own
z.config(z.locales.en());

const side = z.int().check(z.minimum(1), z.maximum(65536));
const size = z.union([side, z.tuple([side, side])]);
const perChannel = z.union([z.number(), z.array(z.number()).check(z.minLength(1), z.maxLength(64))]);

/** How an image becomes the model's input. Every field may be left out; what is missing is read off the model's input. */
export const Preprocess = z.strictObject({
  $schema: z.optional(z.string()),
  channels: z.optional(z.enum(["rgb", "bgr", "gray"])),
  /** Shorter side, or [height, width]. */
  resize: z.optional(size),
  filter: z.optional(z.enum(["bilinear", "bicubic"])),
  /** Side of the centre crop, or [height, width]. */
  crop: z.optional(size),
  scale: z.optional(z.number()),
  mean: z.optional(perChannel),
  std: z.optional(perChannel),
  layout: z.optional(z.enum(["NCHW", "NHWC"])),
  /** Class names in the model's order, for folders that hold only some of them. */
  classes: z.optional(z.array(z.string())),
});
export type Preprocess = z.infer<typeof Preprocess>;

/** Where a model's preprocessing lies: in `NAME.preprocess.json`, also for NAME.small.onnx and NAME.ready.onnx, which were made of it. */
export const preprocessBeside = (model: string): string => `${model.replace(/(\.(small|ready))*\.onnx$/i, "")}.preprocess.json`;

/** What {@link resolvePreprocess} settles: nothing left open. */
export interface Preparation {
  channels: "rgb" | "bgr" | "gray";
  resize?: [number, number] | number;
  filter: "bilinear" | "bicubic";
  crop?: [number, number];
  scale: number;
  mean: number[];
  std: number[];
  layout: "NCHW" | "NHWC";
  /** Of one sample as the model wants it, channels first or last. */
  shape: [number, number, number];
  notes: string[];
}

/**
 * Merges preparations field by field, the first that says something counts; fills the rest from the model's input [N, C, H, W] or [N, H, W, C].
 * @param image height and width of the data, for models whose input leaves them open
 * @throws KernelscopeError "bad-data" where data and model cannot fit
 */
export function resolvePreprocess(input: ValueFacts, image: { height: number; width: number; channels?: number }, ...sources: (Preprocess | undefined)[]): Preparation {
  const pick = <K extends keyof Preprocess>(key: K): Preprocess[K] => sources.find((s) => s?.[key] !== undefined)?.[key];
  const notes: string[] = [];
  const { shape } = input;
  if (shape.length !== 4) throw new KernelscopeError("bad-data", `The model's input ${input.name} has ${shape.length} dimensions, images need 4. Give the data as images.npy with the model's own shape.`);
  const number = (d: number | string): number | undefined => (typeof d === "number" && d > 0 ? d : undefined);
  const channelCounts = [1, 3, 4];
  let layout = pick("layout");
  if (!layout) {
    layout = channelCounts.includes(number(shape[1]) ?? 0) || !channelCounts.includes(number(shape[3]) ?? 0) ? "NCHW" : "NHWC";
    notes.push(`layout ${layout}, read off the model's input`);
  }
  const [c, h, w] = layout === "NCHW" ? [1, 2, 3] : [3, 1, 2];
  const modelChannels = number(shape[c]);
  const channels = pick("channels") ?? (modelChannels === 1 || (!modelChannels && image.channels === 1) ? "gray" : "rgb");
  const count = channels === "gray" ? 1 : 3;
  if (modelChannels && modelChannels !== count) {
    const fitting = modelChannels === 1 ? "gray" : modelChannels === 3 ? "rgb" : undefined, advice = fitting ? `Set "channels": "${fitting}" ${WHERE}.` : "Give the data as images.npy with the model's own shape.";
    throw new KernelscopeError("bad-data", `The model takes ${modelChannels === 1 ? "1 channel" : `${modelChannels} channels`}, the data gives ${count} (${channels}). ${advice}`, fitting ? { channels: fitting } : {});
  }
  const cropWanted = pick("crop");
  const crop: [number, number] | undefined = cropWanted === undefined ? undefined : typeof cropWanted === "number" ? [cropWanted, cropWanted] : cropWanted;
  let resizing = pick("resize");
  const height = number(shape[h]) ?? crop?.[0] ?? (Array.isArray(resizing) ? resizing[0] : image.height);
  const width = number(shape[w]) ?? crop?.[1] ?? (Array.isArray(resizing) ? resizing[1] : image.width);
  if (resizing === undefined && !crop && (image.height !== height || image.width !== width)) {
    resizing = [height, width];
    notes.push(`Images are resized to ${width} × ${height}, the model's input.`);
  }
  const scale = pick("scale") ?? 1 / 255;
  if (pick("scale") === undefined) notes.push("Pixels are scaled by 1/255.");
  const spread = (value: number | number[] | undefined, fallback: number, name: string): number[] => {
    const list = value === undefined ? [fallback] : typeof value === "number" ? [value] : value;
    if (list.length !== 1 && list.length !== count) throw new KernelscopeError("bad-data", `"${name}" has ${list.length} values, the images have ${count} channels.`);
    return Array.from({ length: count }, (_, i) => list[list.length === 1 ? 0 : i]);
  };
  return {
    channels, resize: resizing, filter: pick("filter") ?? "bilinear", crop: crop ?? (typeof resizing === "number" ? [height, width] : undefined), scale,
    mean: spread(pick("mean"), 0, "mean"), std: spread(pick("std"), 1, "std"), layout,
    shape: layout === "NCHW" ? [count, height, width] : [height, width, count], notes,
  };
}

/** One decoded RGBA image as the model's input, written at `at` of `out`. */
export function prepareImage(image: Pixels, to: Preparation, out: Float32Array, at: number, name: string): void {
  let pixels = convert(image, to.channels);
  if (to.resize !== undefined) {
    const [height, width] = Array.isArray(to.resize) ? to.resize : shorterSide(pixels, to.resize);
    pixels = resize(pixels, width, height, to.filter);
  }
  if (to.crop) pixels = centreCrop(pixels, to.crop[1], to.crop[0]);
  const [height, width] = to.layout === "NCHW" ? [to.shape[1], to.shape[2]] : [to.shape[0], to.shape[1]];
  if (pixels.height !== height || pixels.width !== width) throw new KernelscopeError("bad-data", `${name} is ${pixels.width} × ${pixels.height}, the model takes ${width} × ${height}. Set "resize" ${WHERE}.`);
  preparePixels(pixels, to, out, at);
}

/** Image files as the model's input, one after the other. */
export async function prepareFiles(files: readonly string[], read: (file: string) => Promise<Uint8Array>, to: Preparation): Promise<Float32Array<ArrayBuffer>> {
  const length = to.shape.reduce((a, b) => a * b, 1), out = new Float32Array(files.length * length);
  await Promise.all(files.map(async (file, i) => prepareImage(await decodeImage(await read(file), file), to, out, i * length, file)));
  return out;
}

/** Scales and normalises interleaved pixels of the right size. */
export function preparePixels({ width, height, channels, data }: Pixels, { scale, mean, std, layout }: Preparation, out: Float32Array, at: number): void {
  const count = width * height;
  for (let c = 0; c < channels; c++) {
    const m = mean[c], s = std[c];
    for (let i = 0; i < count; i++) out[at + (layout === "NCHW" ? c * count + i : i * channels + c)] = (data[i * channels + c] * scale - m) / s;
  }
}

function shorterSide({ width, height }: Pixels, side: number): [number, number] {
  return width < height ? [Math.trunc(side * height / width), side] : [side, Math.trunc(side * width / height)];
}
