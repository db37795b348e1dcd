import { methodById } from "../methods/registry";
import { storeScale } from "../methods/scale";
import { constantTensor } from "../onnx/constants";
import { floatAttribute, isStandardDomain, type Graph, type Model, type Node } from "../onnx/model";
import { isFloatType, readFloats, type Tensor } from "../onnx/tensor";
import { TAPS, type Order } from "../training/graph";
import type { RunningStatistics } from "../training/statistics";
import { Codes, Vector, type Trainable } from "../training/trainable";
import { effectiveRows, readRows, sqnr, type FittedLayer } from "./fit";
import { followOf, type Follow, type OwnVector } from "./follow";

/** Highest steps: of codes in steps of their grid, of everything else as a share of its size. */
export const RATES = { codes: 0.1, scale: 2e-3, vector: 2e-3 };

/** A batch normalization with constants of the model's own. */
interface Normalization { node: Node; gamma: Tensor; beta: Tensor; mean: Tensor; variance: Tensor; epsilon: number }

/**
 * A compressed network as training sees it: weights as large as the original's, and normalizations that know nothing of scales which the file
 * will have in them.
 */
export class Student {
  readonly trainables: Trainable[] = [];
  /** Constants of the network that differ from the model's before training, by name. */
  readonly changed = new Map<string, Float32Array>();
  private readonly codes = new Map<FittedLayer, Codes>();
  private readonly vectors = new Map<string, Vector>();

  private constructor(private readonly model: Model, private readonly layers: readonly FittedLayer[], private readonly follows: ReadonlyMap<FittedLayer, Follow | undefined>, private readonly normalizations: readonly Normalization[]) {}

  static async of(model: Model, layers: readonly FittedLayer[]): Promise<Student> {
    const follows = new Map<FittedLayer, Follow | undefined>();
    for (const fitted of layers) follows.set(fitted, await followOf(model, fitted.layer));
    const student = new Student(model, layers, follows, model.graph.nodes.flatMap((node) => normalizationOf(node) ?? []));
    student.takeNormalizations();
    for (const fitted of layers) student.takeLayer(fitted);
    await student.takeVectors();
    return student;
  }

  /** Scales that the file will have in the normalization behind a layer, by its node; and what the fit has made of its constants. */
  private takeNormalizations(): void {
    for (const { absorbed } of this.layers) for (const { name, values } of absorbed) this.changed.set(name, values);
    for (const [{ packed: { scale, scaleStorage } }, follow] of this.follows) {
      if (scaleStorage !== "elsewhere" || !follow?.normalization) continue;
      const { scale: gamma, mean } = follow.normalization;
      this.changed.set(gamma.name, (this.changed.get(gamma.name) ?? gamma.values).map((v, m) => v / scale[m]));
      this.changed.set(mean.name, (this.changed.get(mean.name) ?? mean.values).map((v, m) => v * scale[m]));
    }
  }

  private takeLayer(fitted: FittedLayer): void {
    const { layer, packed } = fitted, codes = methodById(packed.method).codesOf(packed);
    const order: Order | undefined = layer.op === "Conv" && layer.dims.length === 4 && layer.groups === 1 ? TAPS : undefined;
    if (!codes) return;
    const trainable = new Codes({ name: layer.weight, dims: layer.dims, order }, { ...codes, scale: packed.scale, outputAxis: layer.outputAxis, ownsScale: packed.scaleStorage !== "elsewhere" }, RATES);
    this.codes.set(fitted, trainable);
    this.trainables.push(trainable);
  }

  /** Biases and the factors and offsets of normalizations. */
  private async takeVectors(): Promise<void> {
    const { model, model: { graph } } = this;
    for (const tensor of graph.nodes.flatMap((node) => vectorsOf(node))) {
      if (this.vectors.has(tensor.name) || graph.overridable.has(tensor.name) || graph.consumers.get(tensor.name)?.some((node) => node.graph !== graph)) continue;
      const values = this.changed.get(tensor.name) ?? await readFloats(model, tensor);
      const vector = new Vector({ name: tensor.name, dims: tensor.dims }, Float32Array.from(values), RATES.vector);
      this.vectors.set(tensor.name, vector);
      this.trainables.push(vector);
    }
  }

  /** Whether every normalization can take over other statistics than it has. */
  get canFollowBatches(): boolean {
    const owners = new Set<string>();
    return this.normalizations.every(({ gamma, mean, beta }) => {
      const isOwn = this.vectors.has(gamma.name) && this.vectors.has(beta.name) && !owners.has(gamma.name) && !owners.has(mean.name);
      owners.add(gamma.name).add(mean.name);
      return isOwn;
    });
  }

  /** The layers as training has left them, and the other constants that it has changed. */
  async result(statistics: RunningStatistics): Promise<{ layers: FittedLayer[]; vectors: OwnVector[] }> {
    const vectors = new Map<string, OwnVector>(), { graph } = this.model;
    const put = (name: string, values: Float32Array) => {
      const tensor = graph.initializers.get(name);
      if (tensor) vectors.set(name, { name, dims: tensor.dims, type: tensor.type, values });
    };
    for (const [name, vector] of this.vectors) put(name, vector.values().slice());
    const scales = new Map<string, Float32Array>(), layers: FittedLayer[] = [];
    for (const fitted of this.layers) {
      const { layer, packed: before } = fitted, codes = this.codes.get(fitted), follow = this.follows.get(fitted);
      const isElsewhere = before.scaleStorage === "elsewhere", packed = codes ? { ...methodById(before.method).withCodes(before, codes.result), ...storeScale(codes.result.scale, isElsewhere) } : before;
      if (isElsewhere && follow?.normalization) scales.set(follow.normalization.scale.name, packed.scale);
      layers.push({ layer, packed, absorbed: [], sqnrDb: sqnr((await readRows(this.model, layer)).values, effectiveRows(packed)) });
    }
    for (const normalization of this.normalizations) for (const [name, values] of await this.written(normalization, scales.get(normalization.gamma.name), statistics)) put(name, values);
    return { layers, vectors: [...vectors.values()] };
  }

  /** A normalization's constants as the file has them: its variance stays, its factor and mean make up for that and for the scale of the weight. */
  private async written({ gamma, mean, variance, epsilon }: Normalization, scale: Float32Array | undefined, statistics: RunningStatistics): Promise<[string, Float32Array][]> {
    const stored = await readFloats(this.model, variance), trained = statistics.get(variance.name) ?? stored, factor = this.vectors.get(gamma.name)?.values(), means = statistics.get(mean.name);
    if (!factor || !means) return [];
    return [
      [gamma.name, factor.map((g, m) => g * (scale?.[m] ?? 1) * Math.sqrt((stored[m] + epsilon) / (trained[m] + epsilon)))],
      [mean.name, means.map((mu, m) => mu / (scale?.[m] ?? 1))],
    ];
  }
}

function normalizationOf(node: Node): Normalization | undefined {
  if (node.op !== "BatchNormalization" || !isStandardDomain(node.domain)) return undefined;
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((input) => ownTensor(node.graph, node.inputs[input]));
  return gamma && beta && mean && variance && { node, gamma, beta, mean, variance, epsilon: floatAttribute(node, "epsilon", 1e-5) };
}

/** A constant of floats that stands among the graph's initializers. */
function ownTensor(graph: Graph, name: string | undefined): Tensor | undefined {
  const tensor = name ? constantTensor(graph, name) : undefined;
  return tensor && isFloatType(tensor.type) && graph.initializers.get(tensor.name) === tensor ? tensor : undefined;
}

/** Vectors of a node that training moves. */
function vectorsOf(node: Node): Tensor[] {
  if (!isStandardDomain(node.domain)) return [];
  const inputs = node.op === "BatchNormalization" ? [1, 2] : node.op === "Conv" || node.op === "Gemm" || node.op === "ConvTranspose" ? [2] : [];
  return inputs.flatMap((input) => ownTensor(node.graph, node.inputs[input]) ?? []);
}
