import { countOf, type GraphBuilder, type Value } from "../graph";
import { matrix } from "../matrix";
import { need, only, Untrainable, type Operator, type Trace } from "../operator";

/** Operators that only move values about. */

/** Reshape, Squeeze and Unsqueeze, whose output sizes are known. */
export const reshape: Operator = ({ g, inputs, outputDims }) => {
  const x = need(inputs[0]);
  return { outputs: [g.reshape(x, outputDims(0))], backward: only((dy) => [g.reshape(dy, x.dims)]) };
};

export const flatten: Operator = ({ g, inputs, node }) => {
  const x = need(inputs[0]), axis = axisOf(node.int("axis", 1), x.dims.length);
  return { outputs: [g.reshape(x, [countOf(x.dims.slice(0, axis)), countOf(x.dims.slice(axis))])], backward: only((dy) => [g.reshape(dy, x.dims)]) };
};

export const transpose: Operator = ({ g, inputs, node }) => {
  const x = need(inputs[0]), perm = node.ints("perm") ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
  return { outputs: [g.transpose(x, perm)], backward: only((dy) => [g.transpose(dy, perm.map((_, axis) => perm.indexOf(axis)))]) };
};

export const concat: Operator = ({ g, inputs, node }) => {
  const parts = inputs.map(need), axis = axisOf(node.int("axis", 0), parts[0].dims.length), starts = startsOf(parts.map(({ dims }) => dims[axis]));
  return {
    outputs: [g.concat(parts, axis)],
    backward: only((dy) => parts.map(({ dims }, i) => g.slice(dy, [{ axis, start: starts[i], count: dims[axis] }]))),
  };
};

export const split: Operator = ({ g, inputs, node, numbers, outputDims }) => {
  const x = need(inputs[0]), axis = axisOf(node.int("axis", 0), x.dims.length);
  const lengths = numbers(1) ?? node.spec.outputs.map((_, i) => outputDims(i)[axis]), starts = startsOf(lengths);
  return {
    outputs: lengths.map((count, i) => g.slice(x, [{ axis, start: starts[i], count }])),
    backward: (gradients) => (gradients.some((dy) => dy) ? [g.concat(lengths.map((length, i) => gradients[i] ?? zeros(g, x.dims.map((dim, at) => (at === axis ? length : dim)))), axis)] : []),
  };
};

interface Cut { axis: number; start: number; count: number; step: number }

export const slice: Operator = (trace) => {
  const { g, inputs } = trace, x = need(inputs[0]), cuts = cutsOf(trace, x.dims);
  return { outputs: [g.slice(x, cuts)], backward: only((dy) => [cuts.reduceRight((gradient, cut) => spread(g, gradient, cut, x.dims[cut.axis]), dy)]) };
};

function cutsOf({ numbers }: Trace, dims: readonly number[]): Cut[] {
  const starts = numbers(1), ends = numbers(2), axes = numbers(3) ?? starts?.map((_, i) => i), steps = numbers(4) ?? starts?.map(() => 1);
  if (!starts || !ends || !axes || !steps) throw new Untrainable("its bounds are computed");
  return axes.map((given, i) => {
    const axis = axisOf(given, dims.length), size = dims[axis], step = steps[i], clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const start = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1), end = step > 0 ? clamp(ends[i], 0, size) : clamp(ends[i], -1, size - 1);
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

/** Puts what was cut along an axis back into its place, with zeros around and in between. */
export function spread(g: GraphBuilder, dy: Value, { axis, start, count, step }: Cut, size: number): Value {
  if (step === 1) return padAxis(g, dy, axis, start, size - start - count);
  // one more place, of zeros, serves all that is in between
  const index = new Array<number>(size).fill(count);
  for (let i = 0; i < count; i++) index[start + i * step] = i;
  return gatherAxis(g, padAxis(g, dy, axis, 0, 1), axis, index);
}

const padAxis = (g: GraphBuilder, x: Value, axis: number, before: number, after: number): Value =>
  g.pad(x, x.dims.map((_, at) => (at === axis ? before : 0)), x.dims.map((_, at) => (at === axis ? after : 0)));

export const pad: Operator = ({ g, inputs, node, numbers, outputDims }) => {
  const x = need(inputs[0]), rank = x.dims.length, axes = numbers(3)?.map((axis) => axisOf(axis, rank)) ?? x.dims.map((_, axis) => axis), sizes = numbers(1), [value = 0] = numbers(2) ?? [];
  if (node.text("mode", "constant") !== "constant") throw new Untrainable(`it pads by ${node.text("mode", "")}`);
  if (!sizes) throw new Untrainable("its padding is computed");
  const before = new Array<number>(rank).fill(0), after = new Array<number>(rank).fill(0);
  axes.forEach((axis, i) => { before[axis] = sizes[i]; after[axis] = sizes[i + axes.length]; });
  const padded = value === 0 ? g.pad(x, before, after) : g.node("Pad", [g.plain(x), g.ints([...before, ...after]), g.scalar(value)], outputDims(0));
  return { outputs: [padded], backward: only((dy) => [g.pad(dy, before.map((size) => -size), after.map((size) => -size))]) };
};

/** Nearest neighbours: a choice of rows and columns. */
export const resize: Operator = ({ g, inputs, node, numbers, outputDims }) => {
  const x = need(inputs[0]), dims = outputDims(0), scales = numbers(2);
  if (node.text("mode", "nearest") !== "nearest") throw new Untrainable(`it interpolates (${node.text("mode", "")})`);
  const axes = node.ints("axes") ?? x.dims.map((_, axis) => axis), changed = x.dims.flatMap((size, axis) => (size === dims[axis] ? [] : [axis]));
  const indices = changed.map((axis) => {
    const scale = scales?.length ? scales[axes.indexOf(axis)] : dims[axis] / x.dims[axis];
    return Array.from({ length: dims[axis] }, (_, i) => nearest(i, x.dims[axis], dims[axis], scale, node.text("coordinate_transformation_mode", "half_pixel"), node.text("nearest_mode", "round_prefer_floor")));
  });
  const y = changed.reduce((value, axis, i) => gatherAxis(g, value, axis, indices[i]), x);
  return { outputs: [y], backward: only((dy) => [changed.reduceRight((gradient, axis, i) => scatterAxis(g, gradient, axis, indices[i], x.dims[axis]), dy)]) };
};

/** The source of an output position, as the ONNX specification defines it. */
function nearest(i: number, from: number, to: number, scale: number, transformation: string, rounding: string): number {
  const at = coordinate(i, from, to, scale, transformation);
  const round = { floor: Math.floor, ceil: Math.ceil, round_prefer_floor: (v: number) => Math.ceil(v - 0.5), round_prefer_ceil: (v: number) => Math.floor(v + 0.5) }[rounding];
  if (!round) throw new Untrainable(`it rounds by ${rounding}`);
  return Math.min(from - 1, Math.max(0, round(at)));
}

function coordinate(i: number, from: number, to: number, scale: number, transformation: string): number {
  switch (transformation) {
    case "asymmetric": return i / scale;
    case "half_pixel": return (i + 0.5) / scale - 0.5;
    case "pytorch_half_pixel": return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case "align_corners": return to > 1 ? i * (from - 1) / (to - 1) : 0;
    default: throw new Untrainable(`it places pixels by ${transformation}`);
  }
}

function gatherAxis(g: GraphBuilder, x: Value, axis: number, index: readonly number[]): Value {
  return g.node("Gather", [x, g.indices(index)], x.dims.map((dim, at) => (at === axis ? index.length : dim)), { axis: x.order ? x.order.indexOf(axis) : axis }, x.order);
}

/** Adds values to the places along an axis that they were taken from: a product with ones at those places. */
function scatterAxis(g: GraphBuilder, dy: Value, axis: number, index: readonly number[], size: number): Value {
  const places = matrix(size, index.length);
  index.forEach((to, from) => { places.data[to * index.length + from] = 1; });
  return g.contract(dy, axis, places);
}

/** Rows of a table by constant indices: codewords in the places of kernels. */
export const gather: Operator = ({ g, inputs, node, numbers, outputDims }) => {
  const x = g.plain(need(inputs[0])), index = numbers(1), axis = axisOf(node.int("axis", 0), x.dims.length), size = x.dims[axis];
  if (!index || !inputs[1]) throw new Untrainable("its indices are computed");
  const places = index.map((i) => (i < 0 ? i + size : i)), name = g.indices(places, inputs[1].dims);
  return {
    outputs: [g.node("Gather", [x, name], outputDims(0), { axis })],
    backward: only((dy) => {
      const back = new Array<number>(size).fill(-1);
      places.forEach((from, to) => { back[from] = to; });
      // of a permutation: the inverse one
      if (places.length === size && !back.includes(-1)) return [gatherAxis(g, g.reshape(dy, x.dims), axis, back)];
      if (axis !== 0) {
        const flat = g.reshape(dy, [...x.dims.slice(0, axis), places.length, ...x.dims.slice(axis + 1)]);
        return [scatterAxis(g, flat, axis, places, size)];
      }
      const rest = x.dims.slice(1), rows = g.reshape(dy, [places.length, ...rest]);
      return [g.node("ScatterND", [zeros(g, x.dims), g.ints(places, [places.length, 1]), rows], x.dims, { reduction: "add" })];
    }),
  };
};

function zeros(g: GraphBuilder, dims: readonly number[]): Value {
  return g.expand(g.constant(new Float32Array(1), dims.map(() => 1)), dims);
}

/** Where pieces of these lengths begin. */
function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return lengths.map((length) => (end += length) - length);
}

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
