import type { Random } from "../numeric/random";

/** How samples are varied. */
export interface Augmentation {
  /** Mirrored left to right, every other time. */
  flip: boolean;
  /** Moved by up to so many pixels each way, the border repeated. */
  shift: number;
}

/** Varies samples [N, C, H, W] in place. */
export function augment(samples: Float32Array, dims: readonly number[], { flip, shift }: Augmentation, random: Random): void {
  if (dims.length !== 4 || (!flip && !shift)) return;
  const [n, channels, height, width] = dims, plane = height * width, copy = new Float32Array(channels * plane);
  for (let i = 0; i < n; i++) {
    const mirrored = flip && random.below(2) === 1, dy = shift ? random.below(2 * shift + 1) - shift : 0, dx = shift ? random.below(2 * shift + 1) - shift : 0;
    if (!mirrored && !dx && !dy) continue;
    const sample = samples.subarray(i * channels * plane, (i + 1) * channels * plane);
    copy.set(sample);
    for (let c = 0; c < channels; c++) for (let y = 0; y < height; y++) {
      const from = c * plane + clamp(y + dy, height) * width, to = c * plane + y * width;
      for (let x = 0; x < width; x++) sample[to + x] = copy[from + clamp((mirrored ? width - 1 - x : x) + dx, width)];
    }
  }
}

const clamp = (at: number, size: number): number => (at < 0 ? 0 : at >= size ? size - 1 : at);
