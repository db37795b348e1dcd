import type { Thumbnail } from "../protocol/accuracy";
import type { Dataset } from "./dataset";
import { resize, type Pixels } from "./resize";

/** Pictures of samples, no side longer than `side`; samples that are no pictures are left out. */
export async function thumbnailsOf(dataset: Dataset, positions: readonly number[], side: number): Promise<Thumbnail[]> {
  const values = await dataset.batch(positions), size = dataset.shape.reduce((a, b) => a * b, 1);
  return positions.flatMap((position, i) => {
    const pixels = pixelsOf(values.subarray(i * size, (i + 1) * size), dataset);
    if (!pixels) return [];
    const { width, height } = pixels, shrink = Math.min(1, side / Math.max(width, height));
    const small = shrink < 1 ? resize(pixels, Math.max(1, Math.round(width * shrink)), Math.max(1, Math.round(height * shrink)), "bilinear") : pixels;
    return [{ position, width: small.width, height: small.height, rgba: small.data }];
  });
}

/** A prepared sample as RGBA: preparation undone, or where there was none, stretched from its least to its largest value. */
function pixelsOf(values: Float32Array, { shape, preparation }: Dataset): Pixels | undefined {
  const last = preparation ? preparation.layout === "NHWC" : shape.length === 3 && ![1, 3].includes(shape[0]) && [1, 3].includes(shape[2]);
  const [channels, height, width] = shape.length === 2 ? [1, ...shape] : last ? [shape[2], shape[0], shape[1]] : shape;
  if (shape.length < 2 || shape.length > 3 || ![1, 3].includes(channels)) return undefined;
  const undo = preparation ? (v: number, c: number) => (v * preparation.std[c] + preparation.mean[c]) / preparation.scale : stretch(values);
  const count = height * width, data = new Uint8Array(4 * count).fill(255), bgr = preparation?.channels === "bgr";
  for (let i = 0; i < count; i++) for (let k = 0; k < 3; k++) {
    const c = channels === 1 ? 0 : bgr ? 2 - k : k, value = undo(values[last ? i * channels + c : c * count + i], c);
    data[4 * i + k] = Math.max(0, Math.min(255, Math.round(value)));
  }
  return { width, height, channels: 4, data };
}

function stretch(values: Float32Array): (v: number) => number {
  let least = Infinity, most = -Infinity;
  for (const v of values) { least = Math.min(least, v); most = Math.max(most, v); }
  return (v) => 255 * (v - least) / (most - least || 1);
}
