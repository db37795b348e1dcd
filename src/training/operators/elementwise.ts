import { need, only, type Operator } from "../operator";

/** Add, Sub, Mul, Div and Sum with broadcasting. */

export const add: Operator = ({ g, inputs }) => {
  const terms = inputs.map(need);
  return {
    outputs: [terms.reduce((sum, term) => g.plus(sum, term))],
    backward: only((dy) => terms.map(({ dims }) => g.sumTo(dy, dims))),
  };
};

export const subtract: Operator = ({ g, inputs, wanted }) => {
  const [a, b] = inputs.map(need);
  return {
    outputs: [g.subtract(a, b)],
    backward: only((dy) => [wanted[0] ? g.sumTo(dy, a.dims) : undefined, wanted[1] ? g.unary("Neg", g.sumTo(dy, b.dims)) : undefined]),
  };
};

export const multiply: Operator = ({ g, inputs, wanted }) => {
  const [a, b] = inputs.map(need);
  return {
    outputs: [g.multiply(a, b)],
    backward: only((dy) => [wanted[0] ? g.sumTo(g.multiply(dy, b), a.dims) : undefined, wanted[1] ? g.sumTo(g.multiply(dy, a), b.dims) : undefined]),
  };
};

export const divide: Operator = ({ g, inputs, wanted }) => {
  const [a, b] = inputs.map(need), y = g.divide(a, b);
  return {
    outputs: [y],
    backward: only((dy) => {
      const da = g.divide(dy, b);
      return [wanted[0] ? g.sumTo(da, a.dims) : undefined, wanted[1] ? g.unary("Neg", g.sumTo(g.multiply(da, y), b.dims)) : undefined];
    }),
  };
};
