import { countOf, type GraphBuilder, type Value } from "../../graph";
import { outputOf, tapsOf, type ConvolutionShape, type Formulation } from "./shape";

/** By onnxruntime's own operators. */
export const plain: Formulation = (g, layer, input, weight) => {
  const x = g.plain(input), w = g.plain(weight), dims = outputOf(layer);
  return {
    output: g.node("Conv", [x, w], dims, attributesOf(layer)),
    backward(gradient, wantsInput, wantsWeight) {
      const dy = g.plain(gradient);
      return { dx: wantsInput ? inputGradient(g, layer, w, dy) : undefined, dw: wantsWeight ? weightGradient(g, layer, x, dy) : undefined };
    },
  };
};

const attributesOf = ({ strides, dilations, pads, groups, kernel }: ConvolutionShape) => ({ strides, dilations, pads, group: groups, kernel_shape: kernel });

/** A transposed convolution; without strides that is a convolution with the kernels turned round, which is faster. */
function inputGradient(g: GraphBuilder, layer: ConvolutionShape, w: Value, dy: Value): Value {
  const { strides, dilations, pads, groups, kernel, input, weight: [m, width] } = layer, rank = kernel.length, reach = kernel.map((size, i) => (size - 1) * dilations[i]);
  if (strides.every((stride) => stride === 1) && pads.every((pad, i) => pad <= reach[i % rank])) {
    const turned = g.slice(w, kernel.map((size, i) => ({ axis: i + 2, start: size - 1, count: size, step: -1 })));
    const grouped = g.transpose(g.reshape(turned, [groups, m / groups, width, ...kernel]), [0, 2, 1, ...kernel.map((_, i) => i + 3)]);
    return g.node("Conv", [dy, g.reshape(grouped, [input[1], m / groups, ...kernel])], input, { ...attributesOf(layer), pads: pads.map((pad, i) => reach[i % rank] - pad) });
  }
  // what the last step of the window left of the input comes back as zeros
  const output_padding = reach.map((last, i) => input[i + 2] + pads[i] + pads[i + rank] - (dy.dims[i + 2] - 1) * strides[i] - last - 1);
  return g.node("ConvTranspose", [dy, w], input, { ...attributesOf(layer), output_padding });
}

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
