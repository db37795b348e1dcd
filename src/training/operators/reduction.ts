import { countOf } from "../graph";
import { need, only, Untrainable, type Operator } from "../operator";

/** Sums and means over axes. */

const reduction = (isMean: boolean): Operator => ({ g, inputs, node, numbers }) => {
  const x = need(inputs[0]), rank = x.dims.length, given = numbers(1);
  if (inputs[1] && !given) throw new Untrainable("its axes are computed");
  if (!given?.length && node.int("noop_with_empty_axes", 0)) return { outputs: [x], backward: only((dy) => [dy]) };
  const axes = given?.length ? given.map((axis) => (axis < 0 ? axis + rank : axis)) : x.dims.map((_, axis) => axis);
  const kept = g.reduce(isMean ? "ReduceMean" : "ReduceSum", x, axes), count = countOf(axes.map((axis) => x.dims[axis]));
  const y = node.int("keepdims", 1) ? kept : g.reshape(kept, x.dims.filter((_, axis) => !axes.includes(axis)));
  return { outputs: [y], backward: only((dy) => [g.expand(g.scaled(g.reshape(dy, kept.dims), isMean ? 1 / count : 1), x.dims)]) };
};

export const reduceMean: Operator = reduction(true);
export const reduceSum: Operator = reduction(false);

export const globalAveragePool: Operator = ({ g, inputs }) => {
  const x = need(inputs[0]), axes = x.dims.flatMap((_, axis) => (axis > 1 ? [axis] : [])), count = countOf(x.dims.slice(2));
  return { outputs: [g.reduce("ReduceMean", x, axes)], backward: only((dy) => [g.expand(g.ordered(g.scaled(dy, 1 / count), x.order), x.dims)]) };
};
