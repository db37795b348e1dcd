import { need, only, type Operator } from "../operator";
import { windowOf } from "../window";
import { chooseFormulation } from "./convolution/choice";
import type { ConvolutionShape } from "./convolution/shape";
import { channelRow, channelSum } from "./normalization";

/** Convolutions of any rank, strides, dilations, groups and padding. */
export const convolution: Operator = ({ g, inputs, node, wanted, mode }) => {
  const x = need(inputs[0]), weight = need(inputs[1]), [, , bias] = inputs;
  const layer: ConvolutionShape = { ...windowOf(node, x.dims.slice(2), weight.dims.slice(2)), groups: node.int("group", 1), input: x.dims, weight: weight.dims };
  const { output, backward } = chooseFormulation(layer, mode.layout, wanted[0])(g, layer, x, weight);
  return {
    outputs: [bias ? g.plus(output, channelRow(g, bias, output)) : output],
    backward: only((dy) => {
      const { dx, dw } = backward(dy, wanted[0], wanted[1]);
      return [dx, dw, bias && wanted[2] ? channelSum(g, dy) : undefined];
    }),
  };
};
