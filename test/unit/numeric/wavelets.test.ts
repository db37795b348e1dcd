import { describe, expect, test } from "vitest";
import { analyse, levelGroups, reconstructionError, synthesise } from "../../../src/numeric/fast-wavelet";
import { filterBank, filterGradient, filterLosses, settled } from "../../../src/numeric/filter-bank";
import { LONGEST_FILTER, lowPass, WAVELETS } from "../../../src/numeric/wavelets";

const lengths = Array.from({ length: LONGEST_FILTER / 2 }, (_, i) => 2 * (i + 1));
const all = WAVELETS.flatMap((wavelet) => lengths.map((length) => [wavelet, length] as const));

describe("filters", () => {
  test.each(all)("%s of %i taps is orthonormal to its even shifts, and its bank reconstructs", (wavelet, length) => {
    const h = lowPass(wavelet, length);
    expect(h.reduce((a, b) => a + b, 0)).toBeCloseTo(Math.SQRT2, 9);
    for (let shift = 0; shift < length; shift += 2) expect(h.reduce((sum, v, k) => sum + v * (h[k + shift] ?? 0), 0)).toBeCloseTo(shift ? 0 : 1, 7);
    const { reconstruction, alias } = filterLosses(filterBank(wavelet, length));
    expect(reconstruction + alias).toBeLessThan(1e-12);
  });

  test.each(lengths.flatMap((length) => [["daubechies", length] as const, ["symlet", length] as const]))("%s of %i taps has half as many vanishing moments", (wavelet, length) => {
    const h = lowPass(wavelet, length);
    for (let moment = 0; moment < Math.min(6, length / 2); moment++) expect(Math.abs(h.reduce((sum, v, k) => sum + (k % 2 ? -v : v) * (k / length) ** moment, 0))).toBeLessThan(1e-7);
  });

  test("are those of Daubechies' tables", () => {
    const root = Math.sqrt(3), own = [1 + root, 3 + root, 3 - root, 1 - root].map((v) => v / (4 * Math.SQRT2));
    lowPass("daubechies", 4).forEach((v, k) => { expect(v).toBeCloseTo(own[k], 10); });
    [0.3326705529500825, 0.8068915093110924, 0.4598775021184914, -0.1350110200102546, -0.08544127388202666, 0.03522629188570953].forEach((v, k) => { expect(lowPass("daubechies", 6)[k]).toBeCloseTo(v, 9); });
    [0.23037781330885523, 0.7148465705525415, 0.6308807679295904, -0.02798376941698385, -0.18703481171888114, 0.030841381835986965, 0.032883011666982945, -0.010597401784997278].forEach((v, k) => { expect(lowPass("daubechies", 8)[k]).toBeCloseTo(v, 9); });
    // the least asymmetric one of eight taps, or its mirror image
    const least = [-0.07576571478927333, -0.02963552764599851, 0.49761866763201545, 0.8037387518059161, 0.29785779560527736, -0.09921954357684722, -0.012603967262037833, 0.0322231006040427];
    lowPass("symlet", 8).reverse().forEach((v, k) => { expect(v).toBeCloseTo(least[k], 9); });
    [...lowPass("haar", 6)].forEach((v, k) => { expect(v).toBeCloseTo(k === 2 || k === 3 ? Math.SQRT1_2 : 0, 12); });
  });

  test("other lengths are refused", () => {
    for (const length of [0, 3, 22]) expect(() => lowPass("daubechies", length)).toThrow(RangeError);
  });
});

/** A bank off its conditions. */
const moved = (length: number): Float32Array => filterBank("daubechies", length).map((v, i) => v + 0.05 * Math.sin(i * i + 1));

describe("conditions", () => {
  test.each([2, 4, 6, 12])("the gradient of both losses at %i taps is their difference quotient", (length) => {
    const bank = Float64Array.from(moved(length)), gradient = filterGradient(bank), loss = (filters: Float64Array) => { const { reconstruction, alias } = filterLosses(filters); return reconstruction + alias; };
    bank.forEach((_, i) => {
      const at = (step: number) => { const other = bank.slice(); other[i] += step; return loss(other); };
      expect(gradient[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 4);
    });
  });

  test.each([2, 4, 6, 8, 14])("a bank of %i taps off them settles nearby, and reconstructs", (length) => {
    const bank = moved(length), near = settled(bank), distance = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((v, i) => v - b[i]));
    const groups = levelGroups(256, 3, length)!;
    expect(reconstructionError(groups, bank)).toBeGreaterThan(0.02);
    expect(reconstructionError(groups, near)).toBeLessThan(1e-6);
    expect(distance(near, bank)).toBeLessThan(4 * distance(bank, filterBank("daubechies", length)));
    expect(distance(near, filterBank("daubechies", length))).toBeGreaterThan(length > 2 ? 0.01 : 0);
  });
});

describe("transforms", () => {
  test.each([[32, 3, 4], [800, 5, 6], [96, 4, 2], [4096, 8, 8]])("of %i elements, %i levels, %i taps keep the energy and come back", (size, levels, length) => {
    const groups = levelGroups(size, levels, length)!, bank = filterBank("symlet", length), signal = Float32Array.from({ length: size }, (_, i) => Math.sin(i * i));
    const coefficients = analyse(signal, groups, bank), energy = (v: Float32Array) => v.reduce((sum, x) => sum + x * x, 0);
    expect(groups.reduce((sum, group) => sum + group.levels, 0)).toBe(levels);
    for (const { size, levels, block, overlap } of groups) expect([size % block, block % 2 ** levels, overlap <= block]).toEqual([0, 0, true]);
    expect(energy(coefficients) / energy(signal)).toBeCloseTo(1, 5);
    synthesise(coefficients, groups, bank).forEach((v, i) => { expect(v).toBeCloseTo(signal[i], 5); });
  });

  test("a constant is its approximation alone", () => {
    const groups = levelGroups(64, 3, 6)!, coefficients = analyse(new Float32Array(64).fill(1), groups, filterBank("daubechies", 6));
    coefficients.forEach((v, i) => { expect(v).toBeCloseTo(i < 8 ? Math.SQRT2 ** 3 : 0, 5); });
  });

  test("what is too short, or has too few factors of two, has none", () => {
    expect(levelGroups(8, 3, 8)).toBeUndefined();
    expect(levelGroups(100, 3, 2)).toBeUndefined();
  });
});
