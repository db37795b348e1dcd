import type { GraphBuilder, Value } from "../graph";
import { need, only, Untrainable, type Operator } from "../operator";

/** Functions of one value at a time. Masks are written with Cast and Mul, which onnxruntime computes faster than Where. */

const passing = (g: GraphBuilder, dy: Value, mask: Value): Value => g.multiply(dy, mask);

export const relu: Operator = ({ g, inputs }) => {
  const y = g.unary("Relu", need(inputs[0]));
  return { outputs: [y], backward: only((dy) => [passing(g, dy, isPositive(g, y))]) };
};

/** 1 above zero, 0 elsewhere: a hard sigmoid as steep as a step is one pass where comparing and casting are two. */
const isPositive = (g: GraphBuilder, y: Value): Value => g.unary("HardSigmoid", y, { alpha: { float: 1e30 }, beta: { float: 0 } });

export const leakyRelu: Operator = ({ g, inputs, node }) => {
  const x = need(inputs[0]), alpha = node.float("alpha", 0.01), y = g.unary("LeakyRelu", x, { alpha: { float: alpha } });
  return {
    outputs: [y],
    // slope α + (1 − α)·[x > 0]
    backward: only((dy) => [g.multiply(dy, g.plus(g.scaled(g.mask("Greater", x, 0), 1 - alpha), g.scalar(alpha)))]),
  };
};

export const clip: Operator = ({ g, inputs, numbers }) => {
  const x = need(inputs[0]), [low] = numbers(1) ?? [-Infinity], [high] = numbers(2) ?? [Infinity];
  if ((inputs[1] && low === undefined) || (inputs[2] && high === undefined)) throw new Untrainable("its bounds are computed");
  const y = g.node("Clip", [x, low > -Infinity ? g.scalar(low) : undefined, ...(high < Infinity ? [g.scalar(high)] : [])], x.dims, undefined, x.order);
  return {
    outputs: [y],
    backward: only((dy) => {
      const above = low > -Infinity ? passing(g, dy, g.mask("Greater", x, low)) : dy;
      return [high < Infinity ? passing(g, above, g.mask("Less", x, high)) : above];
    }),
  };
};

export const sigmoid: Operator = ({ g, inputs }) => {
  const y = g.unary("Sigmoid", need(inputs[0]));
  return { outputs: [y], backward: only((dy) => [g.multiply(dy, g.subtract(y, g.multiply(y, y)))]) };
};

export const tanh: Operator = ({ g, inputs }) => {
  const y = g.unary("Tanh", need(inputs[0]));
  return { outputs: [y], backward: only((dy) => [g.subtract(dy, g.multiply(dy, g.multiply(y, y)))]) };
};

/** max(0, min(1, α·x + β)) */
export const hardSigmoid: Operator = ({ g, inputs, node }) => {
  const alpha = node.float("alpha", 0.2), y = g.unary("HardSigmoid", need(inputs[0]), { alpha: { float: alpha }, beta: { float: node.float("beta", 0.5) } });
  return {
    outputs: [y],
    backward: only((dy) => [passing(g, g.scaled(dy, alpha), g.multiply(g.mask("Greater", y, 0), g.mask("Less", y, 1)))]),
  };
};

/** x·max(0, min(1, x/6 + 1/2)) */
export const hardSwish: Operator = ({ g, inputs }) => {
  const x = need(inputs[0]), gate = g.unary("HardSigmoid", x, { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
  return {
    outputs: [g.multiply(x, gate)],
    backward: only((dy) => {
      const inside = g.multiply(g.mask("Greater", gate, 0), g.mask("Less", gate, 1));
      return [g.multiply(dy, g.plus(gate, g.scaled(g.multiply(x, inside), 1 / 6)))];
    }),
  };
};

export const exp: Operator = ({ g, inputs }) => {
  const y = g.unary("Exp", need(inputs[0]));
  return { outputs: [y], backward: only((dy) => [g.multiply(dy, y)]) };
};

export const log: Operator = ({ g, inputs }) => {
  const x = need(inputs[0]);
  return { outputs: [g.unary("Log", x)], backward: only((dy) => [g.divide(dy, x)]) };
};

export const sqrt: Operator = ({ g, inputs }) => {
  const y = g.unary("Sqrt", need(inputs[0]));
  return { outputs: [y], backward: only((dy) => [g.scaled(g.divide(dy, y), 0.5)]) };
};

export const negate: Operator = ({ g, inputs }) => ({ outputs: [g.unary("Neg", need(inputs[0]))], backward: only((dy) => [g.unary("Neg", dy)]) });

export const softmax: Operator = ({ g, inputs, node }) => {
  const x = g.plain(need(inputs[0])), axis = axisOf(node.int("axis", -1), x.dims.length), y = g.unary("Softmax", x, { axis });
  return {
    outputs: [y],
    backward: only((dy) => {
      const weighted = g.multiply(dy, y);
      return [g.subtract(weighted, g.multiply(y, g.sum(weighted, [axis])))];
    }),
  };
};

export const logSoftmax: Operator = ({ g, inputs, node }) => {
  const x = g.plain(need(inputs[0])), axis = axisOf(node.int("axis", -1), x.dims.length), y = g.unary("LogSoftmax", x, { axis });
  return { outputs: [y], backward: only((dy) => [g.subtract(dy, g.multiply(g.unary("Exp", y), g.sum(dy, [axis])))]) };
};

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
