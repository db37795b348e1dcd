import { need, only, type Operator } from "../operator";

/** The operator of this name is no one else's: a value as a grid of integers shows it. */
export const SIMULATED = "SimulatedQuantization";

/**
 * A value clamped to a grid's range and rounded to its steps, halves to even (Jacob et al.: arXiv 1712.05877, eq. 12). Gradients go straight through the rounding, and end outside of the range.
 * Inputs: the value, the grid's step, and its least and largest value. Where `one_sided` is set, the value is known not to lie below the range; where `observed` is, it is looked at and left as it is.
 */
export const simulatedQuantization: Operator = ({ g, inputs, node, reportExtremes }) => {
  const [x, step, least, most] = inputs.map(need), isOneSided = node.int("one_sided", 0) === 1, all = x.dims.map((_, axis) => axis);
  reportExtremes(isOneSided ? undefined : g.reshape(g.reduce("ReduceMin", x, all), []), g.reshape(g.reduce("ReduceMax", x, all), []));
  if (node.int("observed", 0)) return { outputs: [x], backward: only((dy) => [dy]) };
  const clamped = g.node("Clip", [x, least, most], x.dims, undefined, x.order);
  return {
    outputs: [g.multiply(g.unary("Round", g.divide(clamped, step)), step)],
    backward: only((dy) => [g.multiply(dy, isOneSided ? g.holds("LessOrEqual", x, most) : g.holds("Equal", x, clamped))]),
  };
};
