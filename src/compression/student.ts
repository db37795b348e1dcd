import type { PackedWeight } from "../methods/method";
import { methodById } from "../methods/registry";
import { fromRows, kernelSize } from "../methods/rows";
import { withScale } from "../methods/scale";
import { fromCodes } from "../numeric/grid";
import { constantTensor } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import { isStandardDomain, type Graph, type Model, type Node } from "../onnx/model";
import { isFloatType, readFloats, type Tensor } from "../onnx/tensor";
import type { Noise } from "../protocol/tuning";
import { Codes } from "../training/codes";
import { countOf, TAPS } from "../training/graph";
import { QuantizationNoise, type Book } from "../training/noise";
import { Adam } from "../training/optimizer";
import { Pull } from "../training/pull";
import { rowPlaces } from "../training/places";
import type { Parameter } from "../training/step";
import type { Words } from "../training/words";
import { Dense, rootMeanSquare, Vector, type Trainable } from "../training/trainable";
import { effectiveRows, measured, type FittedLayer, type Variant } from "./fit";
import { isLearned, learnedNetwork, type Learned } from "./learned";
import { readRows } from "./rows";
import { followOf, type Follow, type OwnVector } from "./follow";

/** Highest steps: of codes and wishes in steps of their grid, of everything else as a share of its size. */
const RATES = { codes: 0.02, words: 0.1, scale: 2e-3, vector: 5e-3, weight: 5e-4 };

/** How layers are trained before they are quantized: with noise, or drawn to what they will be. */
export interface LooseTraining { noise?: Noise; seed: number; isDrawn?: boolean }

/** What loose layers are to become, and vectors beside them: in the order and in the sizes of the original. */
export interface Projection { weights: ReadonlyMap<Layer, Float32Array>; vectors: ReadonlyMap<string, Float32Array> }

/**
 * A compressed network as training sees it: its weights are as large as the original's, and its normalizations know nothing of the scales
 * that they take over in the file. Layers may be loose: floats still, that become codes later.
 */
export class Student {
  /** Constants that are not the model's, by name, in the sizes that training sees. */
  readonly changed = new Map<string, Float32Array>();
  private readonly weights = new Map<Layer, Codes | Dense>();
  private readonly vectors = new Map<string, Vector>();
  /** Words that layers have in common. */
  private readonly books = new Map<string, Words>();
  private readonly quantized = new Map<Layer, { fitted: FittedLayer; follow: Follow | undefined }>();
  private learned: Learned | undefined;

  private constructor(private readonly model: Model) {}

  /** The network whose constants are trained: where other nodes than their own compute layers, with these. */
  get network(): Model { return this.learned?.model ?? this.model; }

  /** A network whose layers are all compressed. */
  static async of(model: Model, layers: readonly FittedLayer[]): Promise<Student> {
    const student = new Student(model);
    await student.quantize(layers);
    await student.takeVectors();
    return student;
  }

  /** The original, about to be compressed as `layers` say. */
  static async loose(model: Model, layers: readonly FittedLayer[], training: LooseTraining): Promise<Student> {
    const student = new Student(model);
    for (const [position, fitted] of layers.entries()) await student.takeWeight(fitted, training, position);
    await student.takeVectors(training.isDrawn);
    return student;
  }

  /** How many layers are codes. */
  get done(): number { return this.quantized.size; }

  get trainables(): Trainable[] { return [...this.weights.values(), ...Array.from(this.learned?.layers.values() ?? []).flat(), ...this.vectors.values()]; }

  /** Layers become codes, as they were fitted. */
  async quantize(layers: readonly FittedLayer[]): Promise<void> {
    const { model, changed, vectors } = this, touched = new Set<string>();
    for (const { absorbed } of layers) for (const { name, values } of absorbed) { changed.set(name, values); touched.add(name); }
    for (const fitted of layers) {
      const follow = await followOf(model, fitted.layer);
      this.quantized.set(fitted.layer, { fitted, follow });
      this.takeScale(fitted, follow);
      this.takeCodes(fitted);
    }
    this.learned = await learnedNetwork(model, this.fitted().filter(isLearned));
    for (const name of touched) if (vectors.has(name)) vectors.set(name, this.vectorOf(model.graph.initializers.get(name)!, changed.get(name)!));
  }

  /** The network with its loose weights as they are to be quantized. */
  async wanted(): Promise<Variant> { return { ...await this.result(), weights: new Map(this.dense.map(([layer, weight]) => [layer, weight.wanted])) }; }

  /** Loose layers are drawn to quantized forms of what they are wanted to be, and vectors to what these need, a share of the way in so many steps; what has none is let go. */
  draw({ weights, vectors }: Projection, way: number, steps: number): void {
    for (const [layer, weight] of this.dense) weight.draw(weights.get(layer), way, steps);
    for (const [name, vector] of this.vectors) vector.draw(vectors.get(name), way, steps);
  }

  private get dense(): [Layer, Dense][] { return Array.from(this.weights).flatMap(([layer, weight]): [Layer, Dense][] => (weight instanceof Dense ? [[layer, weight]] : [])); }

  private async takeWeight({ layer, packed }: FittedLayer, { noise, seed, isDrawn }: LooseTraining, position: number): Promise<void> {
    const rows = await readRows(this.model, layer), parameter = parameterOf(layer), codes = methodById(packed.method).codesOf(packed);
    const block = codes?.block ?? kernelSize(layer), places = rowPlaces(parameter, layer.outputAxis, block);
    const book: Book | undefined = codes?.index ? { words: fromCodes(codes.codes, codes.bits), scale: packed.scale } : undefined;
    const values = fromRows(layer, rows.values), rate = RATES.weight * (rootMeanSquare(values) || 1e-3);
    const more = { noise: noise && new QuantizationNoise(noise, places, block, seed, position, { book, bits: codes?.bits }), pull: isDrawn ? new Pull(values.length) : undefined };
    this.weights.set(layer, new Dense(parameter, values, new Adam(countOf(layer.dims)), rate, more));
  }

  private takeScale({ packed: { scale, scaleStorage } }: FittedLayer, follow: Follow | undefined): void {
    if (scaleStorage !== "elsewhere" || !follow?.normalization) return;
    const { scale: gamma, mean } = follow.normalization;
    this.changed.set(gamma.name, (this.changed.get(gamma.name) ?? gamma.values).map((v, m) => v / scale[m]));
    this.changed.set(mean.name, (this.changed.get(mean.name) ?? mean.values).map((v, m) => v * scale[m]));
  }

  private takeCodes({ layer, packed }: FittedLayer): void {
    const codes = methodById(packed.method).codesOf(packed), { scale, scaleStorage } = packed;
    if (isLearned({ packed })) this.weights.delete(layer);
    else if (codes) {
      const trained = new Codes(parameterOf(layer), { ...codes, scale, outputAxis: layer.outputAxis, scales: scaleStorage === "elsewhere" ? "kept" : scaleStorage === "one" ? "one" : "each" }, RATES, this.books.get(codes.book ?? ""));
      this.weights.set(layer, trained);
      if (codes.book !== undefined) this.books.set(codes.book, trained.words);
    } else {
      this.weights.delete(layer);
      this.changed.set(layer.weight, fromRows(layer, effectiveRows(packed)));
    }
  }

  /** Biases, and the factors and offsets of normalizations; before the first compressed layer all is as it was, and need not change. */
  private async takeVectors(areDrawn = false): Promise<void> {
    const { model, model: { graph }, changed, vectors } = this, first = Math.min(...[...this.weights.keys(), ...this.quantized.keys()].map(({ consumers: [node] }) => node.index));
    for (const tensor of graph.nodes.filter(({ index }) => index >= first).flatMap(vectorsOf)) {
      if (vectors.has(tensor.name) || graph.overridable.has(tensor.name) || graph.consumers.get(tensor.name)?.some((node) => node.graph !== graph)) continue;
      vectors.set(tensor.name, this.vectorOf(tensor, changed.get(tensor.name) ?? await readFloats(model, tensor), areDrawn));
    }
  }

  private vectorOf({ name, dims }: Tensor, values: Float32Array, isDrawn = false): Vector { return new Vector({ name, dims }, values.slice(), RATES.vector, isDrawn ? new Pull(values.length) : undefined); }

  /** The network as training has left it: its layers, the other constants that it has moved, and the weights that are loose still. */
  async result(): Promise<Variant> {
    const { model } = this, layers: FittedLayer[] = [], vectors = new Map(Array.from(this.vectors, ([name, vector]): [string, OwnVector] => {
      const { dims, type } = model.graph.initializers.get(name)!;
      return [name, { name, dims, type, values: vector.values() }];
    }));
    for (const [layer, { fitted, follow }] of this.quantized) {
      const { packed: before } = fitted, isElsewhere = before.scaleStorage === "elsewhere", packed = this.packedOf(layer, before);
      const absorbed = fitted.absorbed.filter(({ name }) => !vectors.has(name)), gamma = isElsewhere ? vectors.get(follow?.normalization?.scale.name ?? "") : undefined;
      if (gamma) {
        absorbed.push({ ...gamma, values: gamma.values.map((v, m) => v * packed.scale[m]) });
        vectors.delete(gamma.name);
      }
      layers.push(measured({ layer, packed, absorbed }, follow, await readRows(model, layer)));
    }
    const weights = new Map(this.dense.map(([layer, weight]) => [layer, weight.result]));
    return { layers, vectors: [...vectors.values()], weights };
  }

  /** A compressed layer as training has left it. */
  private packedOf(layer: Layer, before: PackedWeight): PackedWeight {
    const trained = this.weights.get(layer), tensors = this.learned?.layers.get(layer);
    if (tensors) return methodById(before.method).withTensors!(before, tensors.map((tensor) => tensor.values().slice()));
    if (!(trained instanceof Codes)) return before;
    const codes = trained.result;
    return withScale(methodById(before.method).withCodes(before, codes), codes.scale);
  }

  /** All compressed layers as they stand. */
  private fitted(): FittedLayer[] { return Array.from(this.quantized, ([layer, { fitted }]) => ({ ...fitted, packed: this.packedOf(layer, fitted.packed) })); }
}

const parameterOf = ({ op, dims, groups, weight }: Layer): Parameter => ({ name: weight, dims, order: op === "Conv" && dims.length === 4 && groups === 1 ? TAPS : undefined });

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
