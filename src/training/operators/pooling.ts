import { DataType } from "../../onnx/tensor";
import { countOf, type GraphBuilder, type Value } from "../graph";
import { matrix, transposed, type Matrix } from "../matrix";
import { need, only, Untrainable, type Attributes, type Operator, type Traced } from "../operator";
import { windowOf, type Window } from "../window";
import { tapsOf } from "./convolution/shape";

/** Pools, overlapping or not. */

/** The gradient goes to the first largest value of each window, as onnxruntime's indices have it; on a GPU it has none. */
export const maxPool: Operator = ({ g, inputs, node, outputDims, mode }) => {
  const x = g.plain(need(inputs[0])), dims = outputDims(0), values = g.fresh(), places = g.fresh();
  if (node.int("storage_order", 0)) throw new Untrainable("it stores places by column");
  if (mode.layout === "plain") return maxPoolByTaps(g, x, dims, node);
  g.add({ op: "MaxPool", inputs: [x.name], outputs: [values, places], attributes: node.spec.attributes });
  return {
    outputs: [{ name: values, dims }],
    backward: only((dy) => {
      const count = countOf(dims), size = countOf(x.dims), from: Value = { name: places, dims };
      const flat = g.node("ScatterND", [zeros(g, size), g.view(from, [count, 1]), g.reshape(dy, [count])], [size], { reduction: "add" });
      return [g.reshape(flat, x.dims)];
    }),
  };
};

/** The same without indices: what lies under each tap of the windows is held against their largest values. */
function maxPoolByTaps(g: GraphBuilder, x: Value, dims: readonly number[], node: Attributes): Traced {
  const { attributes } = node.spec, y = g.node("MaxPool", [x], dims, attributes), window = windowOf(node, x.dims.slice(2), node.ints("kernel_shape") ?? []);
  const move = (value: Value, matrices: readonly Matrix[]) => matrices.reduce((result, one, i) => g.contract(result, i + 2, one), value);
  return {
    outputs: [y],
    backward: only((dy) => {
      let taken: Value | undefined, dx: Value | undefined;
      for (const tap of tapsOf(window.kernel)) {
        const places = tap.map((k, i) => placesUnder(k, x.dims[i + 2], dims[i + 2], window, i));
        const seen = g.plus(move(x, places), outsideOf(g, places)), largest = g.node("Cast", [g.node("Equal", [seen, y], dims)], dims, { to: DataType.FLOAT });
        const first = taken ? g.multiply(largest, g.subtract(g.scalar(1), taken)) : largest, part = move(g.multiply(dy, first), places.map(transposed));
        taken = taken ? g.plus(taken, first) : first;
        dx = dx ? g.plus(dx, part) : part;
      }
      return [dx];
    }),
  };
}

/** [to, from] with a one where the tap of a line of windows lies. */
function placesUnder(tap: number, from: number, to: number, { strides, dilations, pads }: Window, axis: number): Matrix {
  const places = matrix(to, from);
  for (let i = 0; i < to; i++) {
    const at = i * strides[axis] - pads[axis] + tap * dilations[axis];
    if (at >= 0 && at < from) places.data[i * from + at] = 1;
  }
  return places;
}

/** What is added where a tap lies outside, so that it is never the largest. */
function outsideOf(g: GraphBuilder, places: readonly Matrix[]): Value {
  const inside = places.map(({ rows, columns, data }) => Array.from({ length: rows }, (_, i) => data.subarray(i * columns, (i + 1) * columns).includes(1)));
  const all = inside.reduce<boolean[]>((before, axis) => before.flatMap((one) => axis.map((other) => one && other)), [true]);
  return g.constant(Float32Array.from(all, (isInside) => (isInside ? 0 : -3e38)), [1, 1, ...inside.map(({ length }) => length)]);
}

const zeros = (g: GraphBuilder, size: number): Value => g.expand(g.constant(new Float32Array(1), [1]), [size]);

/** A window's mean is the product of the means along its axes. */
export const averagePool: Operator = ({ g, inputs, node, outputDims }) => {
  const x = need(inputs[0]), dims = outputDims(0), kernel = node.ints("kernel_shape") ?? [], { strides, pads, dilations } = windowOf(node, x.dims.slice(2), kernel);
  const counted = node.int("count_include_pad", 0) !== 0, rank = kernel.length;
  const means = kernel.map((size, i) => meansOf({ from: x.dims[i + 2], to: dims[i + 2], size, stride: strides[i], dilation: dilations[i], before: pads[i], after: pads[i + rank], counted }));
  const backward = means.map(transposed);
  const apply = (value: Value, matrices: readonly Matrix[]) => matrices.reduce((result, means, i) => g.contract(result, i + 2, means), value);
  return { outputs: [apply(x, means)], backward: only((dy) => [apply(dy, backward)]) };
};

interface Line { from: number; to: number; size: number; stride: number; dilation: number; before: number; after: number; counted: boolean }

/** The weights [to, from] that each place of a line of windows gives to the places under it. */
function meansOf({ from, to, size, stride, dilation, before, after, counted }: Line): Matrix {
  const weights = matrix(to, from);
  for (let i = 0; i < to; i++) {
    const places = Array.from({ length: size }, (_, k) => i * stride - before + k * dilation);
    // padding counts where it is asked for; what lies beyond it, behind a window that was rounded up, never does
    const count = places.filter((at) => (counted ? at < from + after : at >= 0 && at < from)).length;
    for (const at of places) if (at >= 0 && at < from) weights.data[i * from + at] += 1 / count;
  }
  return weights;
}
