import { countOf } from "../../graph";
import { isIdentity } from "../../matrix";
import type { TraceMode } from "../../operator";
import type { Line } from "./lines";
import { plain } from "./plain";
import { linesOf, separable } from "./separable";
import { outputOf, type ConvolutionShape, type Formulation } from "./shape";
import { unfolded } from "./unfolded";

/** Up to here copies of the input under each tap cost less than transforming it. */
const FEW_CHANNELS = 4;

/**
 * The fastest way to train a layer.
 * @param wantsInput whether the gradient of its input is wanted, too
 */
export function chooseFormulation(layer: ConvolutionShape, layout: TraceMode["layout"], wantsInput: boolean): Formulation {
  if (layout === "plain" || layer.groups > 1 || layer.kernel.length !== 2) return plain;
  if (layer.input[1] <= FEW_CHANNELS && !wantsInput) return unfolded;
  const lines = linesOf(layer);
  return lines && costOfSeparable(layer, lines) < costOfPlain(layer) ? separable : plain;
}

/** Nanoseconds on one core, measured with onnxruntime 1.30 on a processor with AVX-512; only their proportions matter. */
const COST = {
  /** A product and a sum of large matrices. */
  product: 0.03,
  /** An element through the matrix of an axis. */
  transform: 0.6,
  /** An element of a kernel likewise. */
  kernel: 0.4,
  /** An element of a map under one tap: copied, and put in a matrix. */
  tap: 0.3,
  /** An element of a kernel's gradient for each sample. */
  sample: 1.5,
  /** An element in another order. */
  order: 0.6,
};

/** Forward, and both gradients: tiles of the input three times and of the output twice, kernels three times. */
function costOfSeparable({ input: [n, c], weight: [m] }: ConvolutionShape, lines: readonly [Line, Line]): number {
  const [rows, columns] = lines, tiles = rows.input.rows * columns.input.rows * n, kernels = rows.products * columns.products * c * m, transforms = lines.filter(({ input }) => !isIdentity(input)).length;
  return 3 * COST.product * tiles * c * m + transforms * COST.transform * tiles * (3 * c + 2 * m) + 3 * COST.kernel * kernels;
}

function costOfPlain(layer: ConvolutionShape): number {
  const { input, weight: [m, width], kernel } = layer, n = input[0], elements = countOf(input) + countOf(outputOf(layer)), taps = countOf(kernel), places = countOf(outputOf(layer)) / m;
  return 3 * COST.product * places * taps * width * m + (2 * COST.tap * taps + 2 * COST.order) * elements + COST.sample * n * taps * width * m;
}
