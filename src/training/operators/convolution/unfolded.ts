import { countOf, PIXELS } from "../../graph";
import { outputOf, tapsOf, type ConvolutionShape, type Formulation } from "./shape";

/** Values of the input in this order make rows of a sample each, which a tap chooses among. */
const PLANES = [1, 2, 3, 0];

/**
 * For layers of few channels whose input needs no gradient, the first as a rule: all that lies under the taps becomes one matrix X [C·taps, places·N],
 * whose rows are copies of the input's, and y = Xᵀ·w and dw = X·dy are products without further ado.
 */
export const unfolded: Formulation = (g, layer, input, weight) => {
  const { input: [n, c], weight: [m], kernel } = layer, dims = outputOf(layer), taps = c * countOf(kernel), places = countOf(dims.slice(2)) * n;
  const x = g.ordered(input, PLANES), w = g.view(g.transpose(weight, [1, 2, 3, 0]), [taps, m]), size = countOf(x.dims) / n;
  const rows = g.concat([g.view(x, [size, n]), g.constant(new Float32Array(n), [1, n])], 0), sources = sourcesOf(layer, size);
  // made anew for the gradient rather than kept
  const columns = () => g.view(g.rows(rows, sources, true), [taps, places]);
  return {
    output: g.viewAs(g.gemm(columns(), w, { transA: 1 }), dims, PIXELS),
    backward(gradient, _wantsInput, wantsWeight) {
      const dy = g.view(g.ordered(gradient, PIXELS), [places, m]);
      return { dw: wantsWeight ? g.transpose(g.view(g.gemm(columns(), dy), [c, ...kernel, m]), [3, 0, 1, 2]) : undefined };
    },
  };
};

/** For each channel, tap and place of the output the row of the input that lies there; the row behind all others is padding. */
function sourcesOf(layer: ConvolutionShape, padding: number): number[] {
  const { input: [, c, height, width], kernel, strides, dilations, pads } = layer, [, , rows, columns] = outputOf(layer), sources: number[] = [];
  for (let channel = 0; channel < c; channel++) for (const [i, j] of tapsOf(kernel)) {
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const y = row * strides[0] + i * dilations[0] - pads[0], x = column * strides[1] + j * dilations[1] - pads[1];
      sources.push(y >= 0 && y < height && x >= 0 && x < width ? (channel * height + y) * width + x : padding);
    }
  }
  return sources;
}
