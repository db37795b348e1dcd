import { countOf, PIXELS, TAPS, type Value } from "../../graph";
import { kronecker, transposed } from "../../matrix";
import { lineOf, TILES_OF_BLOCK, type Line } from "./lines";
import { outputOf, type ConvolutionShape, type Formulation } from "./shape";

/**
 * In two dimensions y = Aᵀ·(U·V)·A with V = Bᵀ·x·B and U = G·w·Gᵀ, where a product of the algorithm is a matrix product over channels.
 * All is products: one matrix along each axis, and for each product (i, j) of the algorithm [tiles·N, C] by [C, M].
 * Gradients come back through the transposed matrices: dP = A·dy·Aᵀ, dw = Gᵀ·(Vᵀ·dP)·G, dx = B·(dP·Uᵀ)·Bᵀ.
 * U and V are larger than w and x: U is made anew for them, and V where it would take too much memory.
 */
export const separable: Formulation = (g, layer, input, weight) => {
  const lines = linesOf(layer);
  if (!lines) throw new RangeError("this convolution is not separable");
  const { input: [n, c], weight: [m], kernel } = layer, [rows, columns] = lines, dims = outputOf(layer);
  const x = g.ordered(input, PIXELS), w = g.view(g.ordered(weight, TAPS), [countOf(kernel), c * m]), taps = kronecker(rows.kernel, columns.kernel);
  // [block, product, tile] down, [block, product, tile·N] across, channels
  const stacked = (channels: number): number[] => [rows.blocks, rows.products, rows.tiles, columns.blocks, columns.products, columns.tiles * n, channels];
  const mapped = (value: Value, channels: number): Value => g.viewAs(value, [n, channels, rows.input.rows, columns.input.rows], PIXELS);
  const filtersOf = (anew = false) => g.view(g.contract(w, 0, taps, { anew }), [1, rows.products, 1, 1, columns.products, c, m]);
  const tilesOf = (anew = false) => g.view(g.contract(g.contract(x, 2, rows.input, { anew }), 3, columns.input, { anew }), stacked(c));
  const tiles = tilesOf(), areKept = g.keeps(tiles), sums = g.node("MatMul", [tiles, filtersOf()], stacked(m));
  const output = g.contract(g.contract(mapped(sums, m), 2, rows.output, { blocks: rows.blocks }), 3, columns.output, { blocks: columns.blocks });
  return {
    output: { ...output, dims },
    backward(gradient, wantsInput, wantsWeight) {
      const dy = g.ordered(gradient, PIXELS), flipped = (value: Value) => g.transpose(value, [0, 1, 2, 3, 4, 6, 5]);
      const errors = g.view(g.contract(g.contract(dy, 2, transposed(rows.output), { blocks: rows.blocks }), 3, transposed(columns.output), { blocks: columns.blocks }), stacked(m));
      const dw = () => {
        const each = g.node("MatMul", [flipped(areKept ? tiles : tilesOf(true)), errors], [...stacked(m).slice(0, 5), c, m]), places = [0, 2, 3].filter((axis) => each.dims[axis] > 1);
        return g.viewAs(g.contract(g.view(g.sum(each, places), [taps.rows, c * m]), 0, transposed(taps)), layer.weight, TAPS);
      };
      const dx = (before?: Value) => {
        const filters = flipped(filtersOf(true)), each = g.node("MatMul", [errors, before ? g.after(filters, before) : filters], stacked(c));
        return g.contract(g.contract(mapped(each, c), 2, transposed(rows.input)), 3, transposed(columns.input));
      };
      const weightGradient = wantsWeight ? dw() : undefined;
      return { dx: wantsInput ? dx(weightGradient) : undefined, dw: weightGradient };
    },
  };
};

/** Samples times tiles that a product should have: with fewer it takes longer to make ready than to compute. */
const ROWS_OF_PRODUCT = 64;

/** The algorithms along both axes. */
export function linesOf(layer: ConvolutionShape): [Line, Line] | undefined {
  const { kernel, strides, dilations, pads, input } = layer, out = outputOf(layer);
  if (kernel.length !== 2 || dilations.some((dilation) => dilation > 1)) return undefined;
  const [rows, columns] = kernel.map((size, i) => lineOf({ size: input[i + 2], out: out[i + 2], kernel: size, stride: strides[i], before: pads[i], tilesOfBlock: i ? Math.max(TILES_OF_BLOCK, Math.ceil(ROWS_OF_PRODUCT / input[0])) : TILES_OF_BLOCK }));
  return rows && columns && [rows, columns];
}
