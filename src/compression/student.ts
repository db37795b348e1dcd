import { methodById } from "../methods/registry";
import { withScale } from "../methods/scale";
import { constantTensor } from "../onnx/constants";
import { isStandardDomain, type Graph, type Model, type Node } from "../onnx/model";
import { isFloatType, readFloats, type Tensor } from "../onnx/tensor";
import { TAPS } from "../training/graph";
import { Codes } from "../training/codes";
import { Vector, type Trainable } from "../training/trainable";
import { measured, readRows, type FittedLayer } from "./fit";
import { followOf, type Follow, type OwnVector } from "./follow";

/** Highest steps: of codes and wishes in steps of their grid, of everything else as a share of its size. */
const RATES = { codes: 0.02, words: 0.03, scale: 2e-3, vector: 5e-3 };

/**
 * A compressed network as training sees it: its weights are as large as the original's, and its normalizations know nothing of the scales
 * that they take over in the file.
 */
export class Student {
  readonly trainables: Trainable[] = [];
  /** Constants that the fit has changed, by name, in the sizes that training sees. */
  readonly changed = new Map<string, Float32Array>();
  private readonly codes = new Map<FittedLayer, Codes>();
  private readonly vectors = new Map<string, Vector>();
  private readonly follows = new Map<FittedLayer, Follow | undefined>();

  private constructor(private readonly model: Model, private readonly layers: readonly FittedLayer[]) {}

  static async of(model: Model, layers: readonly FittedLayer[]): Promise<Student> {
    const student = new Student(model, layers);
    for (const { absorbed } of layers) for (const { name, values } of absorbed) student.changed.set(name, values);
    for (const fitted of layers) {
      const follow = await followOf(model, fitted.layer);
      student.follows.set(fitted, follow);
      student.takeScale(fitted, follow);
      student.takeCodes(fitted);
    }
    await student.takeVectors();
    return student;
  }

  private takeScale({ packed: { scale, scaleStorage } }: FittedLayer, follow: Follow | undefined): void {
    if (scaleStorage !== "elsewhere" || !follow?.normalization) return;
    const { scale: gamma, mean } = follow.normalization;
    this.changed.set(gamma.name, (this.changed.get(gamma.name) ?? gamma.values).map((v, m) => v / scale[m]));
    this.changed.set(mean.name, (this.changed.get(mean.name) ?? mean.values).map((v, m) => v * scale[m]));
  }

  private takeCodes(fitted: FittedLayer): void {
    const { layer: { op, dims, groups, weight, outputAxis }, packed } = fitted, codes = methodById(packed.method).codesOf(packed);
    if (!codes) return;
    const order = op === "Conv" && dims.length === 4 && groups === 1 ? TAPS : undefined;
    const trainable = new Codes({ name: weight, dims, order }, { ...codes, scale: packed.scale, outputAxis, scales: packed.scaleStorage === "elsewhere" ? "kept" : packed.scaleStorage === "one" ? "one" : "each" }, RATES);
    this.codes.set(fitted, trainable);
    this.trainables.push(trainable);
  }

  /** Biases, and the factors and offsets of normalizations. */
  private async takeVectors(): Promise<void> {
    const { model, model: { graph } } = this;
    for (const tensor of graph.nodes.flatMap(vectorsOf)) {
      if (this.vectors.has(tensor.name) || graph.overridable.has(tensor.name) || graph.consumers.get(tensor.name)?.some((node) => node.graph !== graph)) continue;
      const values = this.changed.get(tensor.name) ?? await readFloats(model, tensor), vector = new Vector({ name: tensor.name, dims: tensor.dims }, values.slice(), RATES.vector);
      this.vectors.set(tensor.name, vector);
      this.trainables.push(vector);
    }
  }

  /** The layers as training has left them, and the other constants that it has moved. */
  async result(): Promise<{ layers: FittedLayer[]; vectors: OwnVector[] }> {
    const { model } = this, layers: FittedLayer[] = [], vectors = new Map(Array.from(this.vectors, ([name, vector]): [string, OwnVector] => {
      const { dims, type } = model.graph.initializers.get(name)!;
      return [name, { name, dims, type, values: vector.values() }];
    }));
    for (const fitted of this.layers) {
      const { layer, packed: before } = fitted, trained = this.codes.get(fitted)?.result, follow = this.follows.get(fitted), isElsewhere = before.scaleStorage === "elsewhere";
      const packed = trained ? withScale(methodById(before.method).withCodes(before, trained), trained.scale) : before;
      const absorbed = fitted.absorbed.filter(({ name }) => !vectors.has(name)), gamma = isElsewhere ? vectors.get(follow?.normalization?.scale.name ?? "") : undefined;
      if (gamma) {
        absorbed.push({ ...gamma, values: gamma.values.map((v, m) => v * packed.scale[m]) });
        vectors.delete(gamma.name);
      }
      layers.push(measured({ layer, packed, absorbed }, follow, await readRows(model, layer)));
    }
    return { layers, vectors: [...vectors.values()] };
  }
}

/** Vectors of a node that training moves. */
function vectorsOf(node: Node): Tensor[] {
  if (!isStandardDomain(node.domain)) return [];
  const inputs = node.op === "BatchNormalization" ? [1, 2] : node.op === "Conv" || node.op === "Gemm" || node.op === "ConvTranspose" ? [2] : [];
  return inputs.flatMap((input) => ownTensor(node.graph, node.inputs[input]) ?? []);
}

/** A constant of floats that stands among the graph's initializers. */
function ownTensor(graph: Graph, name: string | undefined): Tensor | undefined {
  const tensor = name ? constantTensor(graph, name) : undefined;
  return tensor && isFloatType(tensor.type) && graph.initializers.get(tensor.name) === tensor ? tensor : undefined;
}
