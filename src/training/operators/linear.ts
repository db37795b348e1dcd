import { countOf, type GraphBuilder, type Value } from "../graph";
import { need, only, type Operator } from "../operator";

/** α·A′·B′ + β·C */
export const gemm: Operator = ({ g, inputs, node, wanted }) => {
  const a = need(inputs[0]), b = need(inputs[1]), [, , c] = inputs, transA = node.int("transA", 0) ? 1 : 0, transB = node.int("transB", 0) ? 1 : 0;
  const alpha = node.float("alpha", 1), beta = node.float("beta", 1), product = g.scaled(g.gemm(a, b, { transA, transB }), alpha);
  return {
    outputs: [c ? g.plus(product, g.scaled(c, beta)) : product],
    backward: only((gradient) => {
      const dy = g.scaled(gradient, alpha);
      const da = () => (transA ? g.gemm(b, dy, { transA: transB, transB: 1 }) : g.gemm(dy, b, { transB: transB ? 0 : 1 }));
      const db = () => (transB ? g.gemm(dy, a, { transA: 1, transB: transA }) : g.gemm(a, dy, { transA: transA ? 0 : 1 }));
      return [wanted[0] ? da() : undefined, wanted[1] ? db() : undefined, c && wanted[2] ? g.scaled(g.sumTo(gradient, c.dims), beta) : undefined];
    }),
  };
};

/** A product of matrices, or of stacks of them. */
export const matMul: Operator = ({ g, inputs, wanted, outputDims }) => {
  const given = [need(inputs[0]), need(inputs[1])], dims = outputDims(0);
  // vectors are matrices of one row or one column
  const a = given[0].dims.length === 1 ? g.reshape(given[0], [1, ...given[0].dims]) : given[0], b = given[1].dims.length === 1 ? g.reshape(given[1], [...given[1].dims, 1]) : given[1];
  const rows = a.dims[a.dims.length - 2], columns = b.dims[b.dims.length - 1], batch = (a.dims.length > b.dims.length ? a : b).dims.slice(0, -2);
  return {
    outputs: [g.reshape(broadcastProduct(g, a, b), dims)],
    backward: only((gradient) => {
      const dy = g.reshape(gradient, [...batch.map((dim, i) => dims[i] ?? dim), rows, columns]);
      const da = wanted[0] ? g.sumTo(broadcastProduct(g, dy, flipped(g, b)), a.dims) : undefined;
      const db = wanted[1] ? weightGradient(g, a, dy, b.dims) : undefined;
      return [da && g.reshape(da, given[0].dims), db && g.reshape(db, given[1].dims)];
    }),
  };
};

function broadcastProduct(g: GraphBuilder, first: Value, second: Value): Value {
  const a = g.plain(first), b = g.plain(second), rank = Math.max(a.dims.length, b.dims.length);
  const batch = Array.from({ length: rank - 2 }, (_, axis) => Math.max(a.dims[axis - rank + a.dims.length] ?? 1, b.dims[axis - rank + b.dims.length] ?? 1));
  return g.node("MatMul", [a, b], [...batch, a.dims[a.dims.length - 2], b.dims[b.dims.length - 1]]);
}

/** aᵀ·dy, summed over stacks; where one matrix served a whole stack, as one product. */
function weightGradient(g: GraphBuilder, a: Value, dy: Value, dims: readonly number[]): Value {
  if (dims.length > 2) return g.sumTo(broadcastProduct(g, flipped(g, a), dy), dims);
  const rows = (x: Value) => g.reshape(x, [countOf(x.dims) / x.dims[x.dims.length - 1], x.dims[x.dims.length - 1]]);
  return g.gemm(rows(a), rows(dy), { transA: 1 });
}

/** With the last two axes changed over. */
function flipped(g: GraphBuilder, x: Value): Value {
  const last = x.dims.length - 1;
  return g.transpose(x, x.dims.map((_, axis) => (axis === last ? last - 1 : axis === last - 1 ? last : axis)));
}
