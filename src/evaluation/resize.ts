/** Resizes as Pillow does (Image.resize with BILINEAR or BICUBIC on 8-bit images): separable, antialiased, in fixed point, byte for byte. */

export type Filter = "bilinear" | "bicubic";

export interface Pixels {
  width: number;
  height: number;
  /** Interleaved: 1, 3 or 4. */
  channels: number;
  data: Uint8Array;
}

const PRECISION = 32 - 8 - 2;

const FILTERS: Record<Filter, { support: number; weight(x: number): number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    weight(x) {
      const a = -0.5, t = Math.abs(x);
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
    },
  },
};

/** For each output position the first source position and the fixed-point weights. */
function coefficients(from: number, to: number, filter: Filter): { first: Int32Array; count: Int32Array; weights: Int32Array; width: number } {
  const { support: reach, weight } = FILTERS[filter];
  const scale = from / to, stretch = Math.max(scale, 1), support = reach * stretch, width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to), count = new Int32Array(to), weights = new Int32Array(to * width);
  const values = new Float64Array(width);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5)), high = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = 0; j < high - low; j++) {
      values[j] = weight((j + low - centre + 0.5) * (1 / stretch));
      sum += values[j];
    }
    for (let j = 0; j < high - low; j++) {
      const v = sum !== 0 ? values[j] / sum : values[j];
      weights[i * width + j] = Math.trunc((v < 0 ? -0.5 : 0.5) + v * (1 << PRECISION));
    }
    first[i] = low;
    count[i] = high - low;
  }
  return { first, count, weights, width };
}

const clip = (v: number): number => { const r = v >> PRECISION; return r < 0 ? 0 : r > 255 ? 255 : r; };

/** The image at a new size. */
export function resize(image: Pixels, width: number, height: number, filter: Filter = "bilinear"): Pixels {
  let result = image;
  if (width !== image.width) result = horizontal(result, width, filter);
  if (height !== image.height) result = vertical(result, height, filter);
  return result;
}

function horizontal({ width, height, channels, data }: Pixels, to: number, filter: Filter): Pixels {
  const { first, count, weights, width: stride } = coefficients(width, to, filter);
  const out = new Uint8Array(to * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION - 1);
        for (let j = 0; j < count[x]; j++) sum += data[(y * width + first[x] + j) * channels + c] * weights[x * stride + j];
        out[(y * to + x) * channels + c] = clip(sum);
      }
    }
  }
  return { width: to, height, channels, data: out };
}

function vertical({ width, height, channels, data }: Pixels, to: number, filter: Filter): Pixels {
  const { first, count, weights, width: stride } = coefficients(height, to, filter);
  const row = width * channels, out = new Uint8Array(row * to);
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < row; x++) {
      let sum = 1 << (PRECISION - 1);
      for (let j = 0; j < count[y]; j++) sum += data[(first[y] + j) * row + x] * weights[y * stride + j];
      out[y * row + x] = clip(sum);
    }
  }
  return { width, height: to, channels, data: out };
}

/** The middle part of an image. */
export function centreCrop({ width, height, channels, data }: Pixels, toWidth: number, toHeight: number): Pixels {
  const left = Math.round((width - toWidth) / 2), top = Math.round((height - toHeight) / 2);
  const out = new Uint8Array(toWidth * toHeight * channels);
  for (let y = 0; y < toHeight; y++) {
    const from = ((top + y) * width + left) * channels;
    out.set(data.subarray(from, from + toWidth * channels), y * toWidth * channels);
  }
  return { width: toWidth, height: toHeight, channels, data: out };
}
