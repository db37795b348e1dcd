import { constantTensor } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import { floatAttribute, type Model, type Node } from "../onnx/model";
import { DataType, isFloatType, readFloats, type Tensor } from "../onnx/tensor";
import { outputsOf } from "../methods/rows";
import type { ChannelMoments } from "./moments";

/** A constant vector that belongs to one node alone, so that it may be changed. */
export interface OwnVector { name: string; dims: number[]; type: number; values: Float32Array }

/** What stands behind a layer and can take over a factor and an offset for each output channel. */
export interface Follow {
  /** The tensor that the layer itself puts out. */
  output: string;
  /** Offset that the layer adds itself. */
  bias?: OwnVector;
  normalization?: { node: Node; scale: OwnVector; shift: Float32Array; mean: OwnVector; deviation: Float32Array };
}

/** Values that constants have in place of the file's, by name. */
export type Changed = ReadonlyMap<string, Float32Array>;

/** Looks behind a layer; undefined where its weight feeds several nodes, which a change would have to suit all at once. */
export async function followOf(model: Model, layer: Layer, changed?: Changed): Promise<Follow | undefined> {
  if (layer.consumers.length !== 1) return undefined;
  const [node] = layer.consumers, channels = outputsOf(layer);
  if (layer.op === "ConvTranspose" && layer.groups > 1) return undefined;
  let output = node.outputs[0], bias: OwnVector | undefined;
  if (node.op === "Conv" || node.op === "ConvTranspose") bias = await ownVector(model, node, 2, channels, changed);
  else if (node.op === "Gemm" && floatAttribute(node, "beta", 1) === 1 && floatAttribute(node, "alpha", 1) === 1) bias = await ownVector(model, node, 2, channels, changed);
  else if (node.op === "MatMul") {
    const add = onlyUser(layer, output);
    const other = add?.op === "Add" ? add.inputs.indexOf(output) ^ 1 : -1;
    if (add && other >= 0) {
      bias = await ownVector(model, add, other, channels, changed);
      if (bias) output = add.outputs[0];
    }
  }
  const follow: Follow = { output, bias };
  const next = onlyUser(layer, output);
  // In half precision a scale that normalization takes over would leave sums of whole codebook steps in between, which overflow.
  if (layer.type === DataType.FLOAT && next?.op === "BatchNormalization" && next.inputs[0] === output && next.outputs.filter(Boolean).length === 1 && layer.convolution) {
    const scale = await ownVector(model, next, 1, channels, changed), mean = await ownVector(model, next, 3, channels, changed);
    const shift = await vector(model, next, 2, channels, changed), variance = await vector(model, next, 4, channels, changed);
    const epsilon = floatAttribute(next, "epsilon", 1e-5);
    if (scale && mean && shift && variance) {
      follow.normalization = { node: next, scale, mean, shift: shift.values, deviation: variance.values.map((v) => Math.sqrt(v + epsilon)) };
    }
  }
  return follow;
}

/** Whether a normalization behind the layer takes over its channels' scales, so that the file need not hold them. */
export const hasFreeScale = async (model: Model, layer: Layer): Promise<boolean> => (await followOf(model, layer))?.normalization !== undefined;

/** The only node that uses a value, if there is just one and the value is no output of the model. */
function onlyUser(layer: Layer, value: string): Node | undefined {
  const users = layer.graph.consumers.get(value) ?? [];
  if (users.length !== 1 || users[0].graph !== layer.graph || layer.graph.outputs.some(({ name }) => name === value)) return undefined;
  return users[0];
}

async function vector(model: Model, node: Node, input: number, length: number, changed?: Changed): Promise<{ tensor: Tensor; values: Float32Array } | undefined> {
  const name = node.inputs[input];
  const tensor = name ? constantTensor(node.graph, name) : undefined;
  if (!tensor || tensor.count !== length || !isFloatType(tensor.type)) return undefined;
  return { tensor, values: changed?.get(tensor.name) ?? await readFloats(model, tensor) };
}

async function ownVector(model: Model, node: Node, input: number, length: number, changed?: Changed): Promise<OwnVector | undefined> {
  const name = node.inputs[input];
  if (!name || !node.graph.initializers.has(name) || node.graph.consumers.get(name)?.length !== 1) return undefined;
  if (node.inputs.filter((other) => other === name).length !== 1) return undefined;
  const found = await vector(model, node, input, length, changed);
  return found && { name, dims: found.tensor.dims, type: found.tensor.type, values: found.values };
}

/** y ≈ factor·ŷ + offset for each output channel. */
export interface Affine { factor: Float64Array; offset: Float64Array }

/**
 * The affine map that gives a compressed layer's outputs ŷ the original's mean and variance, for each channel.
 * @param together whether all channels have one factor, which gives them the variance that they have together
 */
export function affineFrom({ count, y, yy, z, zz, yz }: ChannelMoments, together = false): Affine {
  const channels = y.length, factor = new Float64Array(channels).fill(1), offset = new Float64Array(channels);
  let wanted = 0, have = 0;
  for (let m = 0; m < channels; m++) {
    const meanY = y[m] / count, meanZ = z[m] / count;
    const varY = yy[m] / count - meanY ** 2, varZ = zz[m] / count - meanZ ** 2, cov = yz[m] / count - meanY * meanZ;
    const alive = varZ > 1e-12 * (zz[m] / count) && varY > 1e-12 * (yy[m] / count) && cov > 0;
    if (alive) factor[m] = within(Math.sqrt(varY / varZ));
    wanted += alive ? varY : 0;
    have += alive ? varZ : 0;
  }
  if (together) factor.fill(have > 0 ? within(Math.sqrt(wanted / have)) : 1);
  for (let m = 0; m < channels; m++) offset[m] = y[m] / count - factor[m] * (z[m] / count);
  return { factor, offset };
}

/** A factor that a correction may have. */
const within = (factor: number): number => Math.min(4, Math.max(0.25, factor));

/** New values for what stands behind a layer whose file weight is the original's divided by `scale` (ones where the scale stays in the file). */
export function absorb(follow: Follow, affine: Affine, scale: ArrayLike<number>): OwnVector[] {
  const { normalization, bias } = follow;
  if (normalization) {
    const { scale: gamma, mean } = normalization;
    const own = (m: number) => bias?.values[m] ?? 0;
    const factor = (m: number) => affine.factor[m] * scale[m];
    const offset = (m: number) => affine.factor[m] * own(m) * (1 - scale[m]) + affine.offset[m];
    return [
      { ...gamma, values: gamma.values.map((g, m) => g * factor(m)) },
      { ...mean, values: mean.values.map((mu, m) => (mu - offset(m)) / factor(m)) },
    ];
  }
  if (bias) return [{ ...bias, values: bias.values.map((b, m) => affine.factor[m] * b + affine.offset[m]) }];
  return [];
}

/** How much a squared error of each output channel counts: what batch normalization makes of it. */
export function importanceOf(follow: Follow | undefined): Float32Array | undefined {
  const normalization = follow?.normalization;
  if (!normalization) return undefined;
  const { scale, deviation } = normalization;
  return scale.values.map((gamma, m) => (gamma / deviation[m]) ** 2 + 1e-12);
}
