import { matrix, type Matrix } from "../../matrix";

/**
 * Convolutions along one axis with fewer products than taps, after Toom and Cook (Winograd for images).
 *
 * m values of a correlation with r taps are a polynomial's, so m + r − 1 products of its factors' values at as many points give them all:
 * y = Aᵀ·((G·w) ⊙ (Bᵀ·x)). Here the matrices stand for a whole line of tiles, with the padding, the stride and the last, incomplete tile in them.
 */

/**
 * y = output·((kernel·w) ⊙ (input·x)), where the rows of `input·x` lie by block, product and tile, and a block's outputs come from its own products alone:
 * `output` is the matrix of one block.
 */
export interface Line { blocks: number; products: number; tiles: number; input: Matrix; kernel: Matrix; output: Matrix }

/** One axis of a convolution. */
export interface LineShape {
  size: number;
  out: number;
  kernel: number;
  stride: number;
  before: number;
  /** Longer blocks waste time on the zeros of their matrices, shorter ones on small products. */
  tilesOfBlock?: number;
}

/** Points that lose the least accuracy; the last of all is infinity. */
const POINTS = [0, 1, -1, 2, -2, 0.5, -0.5];
/** More values at once than this need points that float32 does not bear. */
const LONGEST_TILE = 4;
/** What a block holds where nothing speaks for more. */
export const TILES_OF_BLOCK = 4;

/** The cheapest way along an axis: fewest products; `undefined` where there are more taps than points for them. */
export function lineOf(shape: LineShape): Line | undefined {
  const { size, out, kernel, stride } = shape, taps = Math.ceil(kernel / stride);
  if (stride === 1 && size < kernel && size + out - 2 <= POINTS.length) return shortLine(shape);
  // a kernel of one tap for each step has nothing to share between neighbours
  const longest = taps === 1 ? 1 : Math.min(LONGEST_TILE, out, POINTS.length + 2 - taps);
  const lines = Array.from({ length: Math.max(0, longest) }, (_, i) => longest - i).map((tile) => ({ tile, products: productsOf(shape, tile) * Math.ceil(out / tile) }));
  const [best] = lines.sort((a, b) => a.products - b.products);
  return best && tiledLine(shape, best.tile);
}

const tapsOfPhase = (kernel: number, stride: number, phase: number): number => Math.ceil((kernel - phase) / stride);

function productsOf({ kernel, stride }: LineShape, tile: number): number {
  let products = 0;
  for (let phase = 0; phase < Math.min(stride, kernel); phase++) products += tile + tapsOfPhase(kernel, stride, phase) - 1;
  return products;
}

/** Tiles of `tile` outputs. With a stride s the taps k, k + s, … of each phase meet only inputs of one phase and are a convolution of stride 1 among themselves. */
function tiledLine(shape: LineShape, tile: number): Line {
  const { size, out, kernel, stride, before, tilesOfBlock = TILES_OF_BLOCK } = shape, products = productsOf(shape, tile), all = Math.ceil(out / tile), blocks = blocksOf(out, tile, tilesOfBlock), tiles = all / blocks;
  const line: Line = { blocks, products, tiles, input: matrix(products * all, size), kernel: matrix(products, kernel), output: matrix(out / blocks, products * tiles) };
  let first = 0;
  for (let phase = 0; phase < Math.min(stride, kernel); phase++) {
    const taps = tapsOfPhase(kernel, stride, phase), { points, data, filter, values } = toomCook(tile, taps);
    for (let j = 0; j < points; j++) {
      for (let k = 0; k < taps; k++) line.kernel.data[(first + j) * kernel + phase + k * stride] = filter.data[j * taps + k];
      for (let t = 0; t < all; t++) {
        const row = (Math.floor(t / tiles) * products + first + j) * tiles + t % tiles;
        for (let l = 0; l < points; l++) {
          const at = (t * tile + l) * stride + phase - before;
          if (at >= 0 && at < size) line.input.data[row * size + at] = data.data[j * points + l];
        }
      }
      for (let o = 0; o < line.output.rows; o++) line.output.data[o * products * tiles + (first + j) * tiles + Math.floor(o / tile)] = values.data[(o % tile) * points + j];
    }
    first += points;
  }
  return line;
}

/** In how many pieces a line of whole tiles falls. */
function blocksOf(out: number, tile: number, most: number): number {
  if (out % tile) return 1;
  const all = out / tile;
  let tiles = Math.min(all, most);
  while (all % tiles) tiles--;
  return all / tiles;
}

/** A line shorter than the kernel: it is the line that slides over the kernel, y[o] = Σ w[i − o + before]·x[i], so the two change places. */
function shortLine({ size, out, kernel, before }: LineShape): Line {
  const { points, data, filter, values } = toomCook(out, size), line: Line = { blocks: 1, products: points, tiles: 1, input: filter, kernel: matrix(points, kernel), output: matrix(out, points) };
  for (let j = 0; j < points; j++) {
    for (let l = 0; l < points; l++) {
      const tap = l + before - (out - 1);
      if (tap >= 0 && tap < kernel) line.kernel.data[j * kernel + tap] = data.data[j * points + l];
    }
    for (let o = 0; o < out; o++) line.output.data[o * points + j] = values.data[(out - 1 - o) * points + j];
  }
  return line;
}

/** The matrices of `tile` outputs and `taps` taps: Bᵀ (data), G (filter), Aᵀ (values). */
function toomCook(tile: number, taps: number): { points: number; data: Matrix; filter: Matrix; values: Matrix } {
  const points = tile + taps - 1, finite = POINTS.slice(0, points - 1), data = matrix(points, points), filter = matrix(points, taps), values = matrix(tile, points);
  finite.forEach((point, j) => {
    const others = finite.filter((other) => other !== point);
    data.data.set(polynomial(others), j * points);
    const scale = others.reduce((product, other) => product * (point - other), 1);
    for (let k = 0; k < taps; k++) filter.data[j * taps + k] = point ** k / scale;
    for (let i = 0; i < tile; i++) values.data[i * points + j] = point ** i;
  });
  data.data.set(polynomial(finite), (points - 1) * points);
  filter.data[points * taps - 1] = 1;
  values.data[tile * points - 1] = 1;
  return { points, data, filter, values };
}

/** Coefficients of the polynomial with these roots, the constant one first. */
function polynomial(roots: readonly number[]): number[] {
  return roots.reduce<number[]>((coefficients, root) => [0, ...coefficients].map((value, i) => value - root * (coefficients[i] ?? 0)), [1]);
}
