import { fixedAffine, type FixedAffine } from "../../numeric/fixed-affine";
import { constantTensor } from "../../onnx/constants";
import { floatAttribute, type Model, type Node } from "../../onnx/model";
import { readFloats } from "../../onnx/tensor";
import type { Grid } from "./program";

const BYTES = { min: 0, max: 255 };

/** y = a·x + b of a batch normalization, for each channel in float32; undefined where its parameters are no constants. */
export async function affineOf(model: Model, node: Node): Promise<{ a: Float32Array; b: Float32Array } | undefined> {
  const vectors: Float32Array[] = [];
  for (const name of node.inputs.slice(1, 5)) {
    const tensor = constantTensor(node.graph, name);
    if (!tensor) return undefined;
    vectors.push(await readFloats(model, tensor));
  }
  const [gamma, beta, mean, variance] = vectors, epsilon = floatAttribute(node, "epsilon", 1e-5), a = gamma.map((g, m) => g / Math.sqrt(variance[m] + epsilon));
  return { a, b: a.map((v, m) => beta[m] - mean[m] * v) };
}

/** A batch normalization from one grid to another as integers, for each channel (Lin et al.: arXiv 2008.13128). */
export const fixedNormalization = ({ a, b }: { a: Float32Array; b: Float32Array }, from: Grid, to: Grid): FixedAffine[] =>
  Array.from(a, (slope, m) => fixedAffine(slope * from.scale / to.scale, (b[m] - slope * from.scale * from.zero) / to.scale + to.zero, BYTES, BYTES));
