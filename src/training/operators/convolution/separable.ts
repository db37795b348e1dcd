import { countOf, PIXELS, TAPS, type GraphBuilder, type Value } from "../../graph";
import { kronecker, transposed, type Matrix } from "../../matrix";
import { lineOf, type Line } from "./lines";
import { outputOf, type ConvolutionShape, type Formulation } from "./shape";

/**
 * In two dimensions y = Aᵀ·(U·V)·A with V = Bᵀ·x·B and U = G·w·Gᵀ, where a product of the algorithm is a matrix product over channels.
 * All is products: one matrix along each axis, and for each product (i, j) of the algorithm [tiles·N, C] by [C, M].
 * Gradients come back through the transposed matrices, with V and U as they are: dP = A·dy·Aᵀ, dw = Gᵀ·(Vᵀ·dP)·G, dx = B·(dP·Uᵀ)·Bᵀ.
 */
export const separable: Formulation = (g, layer, input, weight) => {
  const lines = linesOf(layer);
  if (!lines) throw new RangeError("this convolution is not separable");
  const { input: [n, c], weight: [m], kernel } = layer, [rows, columns] = lines, dims = outputOf(layer);
  const x = g.ordered(input, PIXELS), w = g.ordered(weight, TAPS);
  // [i, tiles down, j, tiles across·N, channels]
  const products = (channels: number): number[] => [rows.products, rows.tiles, columns.products, columns.tiles * n, channels];
  const kernels = [rows.products, 1, columns.products, c, m], taps = kronecker(rows.kernel, columns.kernel);
  const tiles = g.view(along(g, x, [rows.input, columns.input]), products(c));
  const filters = g.view(g.contract(g.view(w, [countOf(kernel), c * m]), 0, taps), kernels);
  const sums = g.node("MatMul", [tiles, filters], products(m));
  const output = along(g, g.viewAs(sums, [n, m, rows.products * rows.tiles, columns.products * columns.tiles], PIXELS), [rows.output, columns.output]);
  return {
    output: { ...output, dims },
    backward(gradient, wantsInput, wantsWeight) {
      const errors = g.view(along(g, g.ordered(gradient, PIXELS), [transposed(rows.output), transposed(columns.output)]), products(m));
      const flipped = (value: Value) => g.transpose(value, [0, 1, 2, 4, 3]);
      const dw = () => {
        const each = g.node("MatMul", [flipped(tiles), errors], [rows.products, rows.tiles, columns.products, c, m]);
        return g.viewAs(g.contract(g.view(g.sum(each, rows.tiles > 1 ? [1] : []), [taps.rows, c * m]), 0, transposed(taps)), layer.weight, TAPS);
      };
      const dx = () => {
        const each = g.node("MatMul", [errors, flipped(filters)], products(c));
        return along(g, g.viewAs(each, [n, c, rows.products * rows.tiles, columns.products * columns.tiles], PIXELS), [transposed(rows.input), transposed(columns.input)]);
      };
      return { dx: wantsInput ? dx() : undefined, dw: wantsWeight ? dw() : undefined };
    },
  };
};

/** The algorithms along both axes. */
export function linesOf(layer: ConvolutionShape): [Line, Line] | undefined {
  const { kernel, strides, dilations, pads, input } = layer, out = outputOf(layer);
  if (kernel.length !== 2 || dilations.some((dilation) => dilation > 1)) return undefined;
  const [rows, columns] = kernel.map((size, i) => lineOf({ size: input[i + 2], out: out[i + 2], kernel: size, stride: strides[i], before: pads[i] }));
  return rows && columns && [rows, columns];
}

/** A matrix along each axis of a feature map. */
const along = (g: GraphBuilder, x: Value, [down, across]: readonly [Matrix, Matrix]): Value => g.contract(g.contract(x, 2, down), 3, across);
