import { sqnr } from "../compression/seen";
import { denseRows } from "../methods/wavelet-dense";
import { PERMUTATION } from "../methods/wavelet-permutation";
import { storedWavelet } from "../methods/wavelet-recognise";
import type { WeightRows } from "../methods/method";
import { pyramid } from "../numeric/fast-wavelet";
import type { WaveletMap, WaveletMaps } from "../protocol/api";
import type { ShownLayer } from "./codebooks";
import { originalOf } from "./original";

/** Cells of a picture along an axis, at most. */
const CELLS = 192;

/** Where the energy of a wavelet layer lies by scale, and where that of the weight that it was made of does. */
export async function waveletMaps({ file, model, layer, chosen }: ShownLayer): Promise<WaveletMaps | undefined> {
  const stored = await storedWavelet(model, layer), values = await stored?.values();
  if (!stored || !values) return undefined;
  const { shape: { inputs, outputs }, levels, filters } = stored, rows = denseRows(stored.shape, values, PERMUTATION), original = await originalOf(file, layer, chosen);
  const mapOf = (own: WeightRows): WaveletMap => waveletMap(own, levels, filters);
  return {
    layer: layer.id, made: mapOf({ values: rows, outputs, inputs }),
    ...("rows" in original ? { original: mapOf(original.rows), sqnrDb: sqnr(original.rows.values, rows) } : { missing: original.missing }),
  };
}

/** The transform of a matrix along inputs, then along outputs as far as they have room for it; zeros fill up what is no multiple of 2^levels. */
export function waveletMap({ values, outputs, inputs }: WeightRows, levels: number, filters: Float32Array): WaveletMap {
  const across = axisOf(inputs, levels), down = axisOf(outputs, Math.min(levels, Math.floor(Math.log2(outputs)))), coefficients = new Float32Array(down.size * across.size), signal = new Float32Array(across.size), column = new Float32Array(down.size);
  for (let i = 0; i < outputs; i++) {
    signal.set(values.subarray(i * inputs, (i + 1) * inputs));
    coefficients.set(pyramid(signal, across.levels, filters), i * across.size);
  }
  for (let j = 0; j < across.size; j++) {
    for (let i = 0; i < down.size; i++) column[i] = coefficients[i * across.size + j];
    pyramid(column, down.levels, filters).forEach((v, i) => { coefficients[i * across.size + j] = v; });
  }
  const rows = Math.min(CELLS, down.size), columns = Math.min(CELLS, across.size), cells = new Float32Array(rows * columns), counts = new Uint32Array(rows * columns), energy = down.starts.map(() => across.starts.map(() => 0));
  let total = 0;
  for (let i = 0; i < down.size; i++) {
    for (let j = 0; j < across.size; j++) {
      const squared = coefficients[i * across.size + j] ** 2, cell = Math.floor(i * rows / down.size) * columns + Math.floor(j * columns / across.size);
      cells[cell] += squared;
      counts[cell]++;
      energy[down.scale(i)][across.scale(j)] += squared;
      total += squared;
    }
  }
  return {
    rows, columns, cells: cells.map((v, i) => Math.sqrt(v / counts[i])), rowScales: down.starts.map((at) => at / down.size), columnScales: across.starts.map((at) => at / across.size),
    energy: energy.map((own) => own.map((v) => (total ? v / total : 0))),
  };
}

/** An axis that is transformed: its length with zeros, and where its scales begin. */
function axisOf(length: number, levels: number): { size: number; levels: number; starts: number[]; scale(at: number): number } {
  const step = 2 ** levels, size = Math.ceil(length / step) * step, starts = [0, ...Array.from({ length: levels }, (_, k) => size >> levels - k)];
  return { size, levels, starts, scale: (at) => starts.filter((start) => start <= at).length - 1 };
}
