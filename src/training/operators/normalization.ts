import { countOf, PIXELS, type GraphBuilder, type Value } from "../graph";
import { need, only, type Operator } from "../operator";

/** Batch normalization with the statistics of the batch, or with those that the model has. */
export const batchNormalization: Operator = ({ g, inputs, node, mode, wanted, reportStatistics }) => {
  const [x, gamma, beta, storedMean, storedVariance] = inputs.map(need), epsilon = g.scalar(node.float("epsilon", 1e-5)), n = countOf(x.dims) / x.dims[1];
  const fixed = mode.statistics === "fixed", mean = fixed ? storedMean : g.scaled(channelSum(g, x), 1 / n);
  const centred = g.subtract(x, channelRow(g, mean, x)), variance = fixed ? storedVariance : g.scaled(channelSum(g, g.multiply(centred, centred)), 1 / n);
  if (!fixed) reportStatistics(mean, variance);
  const inverse = g.unary("Reciprocal", g.unary("Sqrt", g.plus(variance, epsilon))), factor = g.multiply(gamma, inverse);
  return {
    outputs: [g.plus(g.multiply(centred, channelRow(g, factor, x)), channelRow(g, beta, x))],
    backward: only((gradient) => {
      const dy = g.ordered(gradient, x.order), needsGamma = wanted[1] || !fixed, needsBeta = wanted[2] || !fixed;
      const dBeta = needsBeta ? channelSum(g, dy) : undefined, dGamma = needsGamma ? g.multiply(inverse, channelSum(g, g.multiply(dy, centred))) : undefined;
      const through = wanted[0] ? g.multiply(dy, channelRow(g, factor, x)) : undefined;
      if (!through || fixed || !dBeta || !dGamma) return [through, dGamma, dBeta];
      // the batch's own mean and variance move with x: dx = γ/σ·(dy − mean(dy) − x̂·mean(dy·x̂))
      const along = g.multiply(factor, g.multiply(inverse, g.scaled(dGamma, 1 / n))), offset = g.multiply(factor, g.scaled(dBeta, 1 / n));
      return [g.subtract(g.subtract(through, g.multiply(centred, channelRow(g, along, x))), channelRow(g, offset, x)), dGamma, dBeta];
    }),
  };
};

/** Sums over all but the channels: [C]. Along pixels a product with ones is faster than a reduction. */
export function channelSum(g: GraphBuilder, x: Value): Value {
  const [n, channels] = x.dims;
  if (x.order !== PIXELS) return g.reshape(g.sum(x, x.dims.flatMap((_, axis) => (axis === 1 ? [] : [axis]))), [channels]);
  const pixels = x.dims[2] * x.dims[3], ones = g.constant(new Float32Array(pixels).fill(1), [1, pixels]);
  const sums = g.view(g.matMul(ones, g.view(x, [pixels, n * channels])), [n, channels]);
  return g.reshape(g.sum(sums, [0]), [channels]);
}

/** A number for each channel in the shape that goes with x; along pixels repeated for every sample, which broadcasts in longer runs. */
export function channelRow(g: GraphBuilder, vector: Value, x: Value): Value {
  const [n, channels] = x.dims;
  const row = g.reshape(vector, [1, channels, ...x.dims.slice(2).map(() => 1)]);
  return x.order === PIXELS ? g.expand(g.ordered(row, PIXELS), [n, channels, 1, 1]) : row;
}
