import { countOf, type GraphBuilder, type Value } from "../../graph";
import { outputOf, tapsOf, type ConvolutionShape, type Formulation } from "./shape";

/** By onnxruntime's own operators: the input's gradient is a transposed convolution, the weight's a product for each tap. */
export const plain: Formulation = (g, layer, input, weight) => {
  const x = g.plain(input), w = g.plain(weight), dims = outputOf(layer), { strides, dilations, pads, groups, kernel } = layer;
  const attributes = { strides, dilations, pads, group: groups, kernel_shape: kernel };
  return {
    output: g.node("Conv", [x, w], dims, attributes),
    backward(gradient, wantsInput, wantsWeight) {
      const dy = g.plain(gradient);
      // what the last step of the window left of the input comes back as zeros
      const output_padding = kernel.map((size, i) => layer.input[i + 2] + pads[i] + pads[i + kernel.length] - (dims[i + 2] - 1) * strides[i] - (size - 1) * dilations[i] - 1);
      return {
        dx: wantsInput ? g.node("ConvTranspose", [dy, w], layer.input, { ...attributes, output_padding }) : undefined,
        dw: wantsWeight ? weightGradient(g, layer, x, dy) : undefined,
      };
    },
  };
};

/** For each tap, the product of the gradient with what of the input lies under the tap, summed over samples and places. */
function weightGradient(g: GraphBuilder, { groups, kernel, strides, dilations, pads, weight, input }: ConvolutionShape, x: Value, dy: Value): Value {
  const rank = kernel.length, places = countOf(dy.dims.slice(2)), [n, outputs] = dy.dims, width = weight[1];
  const padded = g.pad(x, [0, 0, ...pads.slice(0, rank)], [0, 0, ...pads.slice(rank)]);
  const errors = g.reshape(dy, [n, groups, outputs / groups, places]);
  const taps = tapsOf(kernel).map((tap) => {
    const under = g.slice(padded, tap.map((k, i) => ({ axis: i + 2, start: k * dilations[i], count: dy.dims[i + 2], step: strides[i] })));
    const seen = g.reshape(under, [n, groups, input[1] / groups, places]);
    const product = width === 1 && outputs === groups ? g.sum(g.multiply(errors, seen), [0, 3]) : g.sum(g.matMul(errors, g.transpose(seen, [0, 1, 3, 2])), [0]);
    return g.reshape(product, [outputs, width, 1]);
  });
  return g.reshape(g.concat(taps, 2), weight);
}
