import type { WeightRows } from "../methods/method";
import { fromRows, toRows } from "../methods/rows";
import { constantTensor } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { StoredChoice } from "./checkpoint";
import { effectiveRows, type FitTools, type FittedLayer, type LayerChoice, type Variant } from "./fit";
import { followOf } from "./follow";
import { readRows } from "./rows";
import { noiseOfWeights, interpolate, type LayerSensitivity } from "./sensitivity";
import type { Projection } from "./student";
import type { Refits } from "./tune";

/** Rounds of a joint training: so often the plan is made anew, and weights are quantized by it. */
const ROUNDS = 5;
/** The share of the way to their quantized form that weights go in a round, in the first and in the last. */
const WAY = { first: 0.05, last: 0.5 };

/** After how many of a training's steps a round begins. */
export const roundEvery = (steps: number): number => Math.max(1, Math.ceil(steps / ROUNDS));

/** The share of the way that weights go in the steps of the round that begins with this one. */
export const wayFrom = (step: number, steps: number): number => WAY.first + (WAY.last - WAY.first) * Math.min(1, step / roundEvery(steps) / (ROUNDS - 1));

/** What a round comes to: a plan for weights as they are, and the network as it would have it. */
export interface JointRound { choices: readonly StoredChoice[]; projected: Projection }

export interface JointOptions {
  model: Model;
  /** Of layers as the model has them. */
  ratings(open: readonly Layer[]): Promise<readonly LayerSensitivity[]>;
  /** The plan for a budget, by the ratings of the layers that are open. */
  plan(rate: (open: readonly Layer[]) => Promise<LayerSensitivity[]>): Promise<readonly StoredChoice[]>;
  /** The choices of a plan, with their layers. */
  choicesOf(plan: readonly StoredChoice[]): LayerChoice[];
  /** The layers of a plan, fitted to a network that is trained. */
  fit(choices: readonly LayerChoice[], from: Variant): Promise<readonly FittedLayer[]>;
  refits(choices: readonly LayerChoice[]): Refits;
  tools: FitTools;
  /** Only this method; all if absent. */
  method?: string;
}

/**
 * The plan's side of sparsity and quantization learned jointly (Yang et al.: arXiv 1910.05897, §3): while weights are trained and drawn to their quantized form, it is
 * found again and again, by the same solver and in bytes of the file, which layers get how many of them. What noise in a layer does to the network stays as it was
 * rated; how much of it a way to store the layer makes follows the weights.
 */
export class Joint {
  private readonly before = new Map<Layer, Promise<ReadonlyMap<string, number>>>();

  constructor(private readonly options: JointOptions) {}

  get choicesOf(): JointOptions["choicesOf"] { return this.options.choicesOf; }
  get refits(): JointOptions["refits"] { return this.options.refits; }

  /** @param wanted the network with the weights that are to be quantized */
  async round(wanted: Variant): Promise<JointRound> {
    const { options: { plan, ratings, choicesOf, fit } } = this, { weights } = wanted;
    const choices = await plan(async (open) => {
      const now: LayerSensitivity[] = [];
      for (const rating of await ratings(open)) {
        const weight = weights.get(rating.layer);
        now.push(weight ? await this.rerated(rating, toRows(rating.layer, weight)) : rating);
      }
      return now;
    }), projected = { weights: new Map<Layer, Float32Array>(), vectors: new Map<string, Float32Array>() }, vectors = new Map(wanted.vectors.map(({ name, values }) => [name, values]));
    for (const fitted of await fit(choicesOf(choices), wanted)) {
      projected.weights.set(fitted.layer, fromRows(fitted.layer, effectiveRows(fitted.packed)));
      for (const [name, values] of await this.vectorsOf(fitted, vectors)) projected.vectors.set(name, values);
    }
    return { choices, projected };
  }

  /** A layer's ratings for other weights: the noise of each candidate changes as its distortion of the weights themselves does. */
  private async rerated({ layer, candidates, response, ...rest }: LayerSensitivity, rows: WeightRows): Promise<LayerSensitivity> {
    const { before } = this;
    if (!before.has(layer)) before.set(layer, readRows(this.options.model, layer).then((original) => this.distortions(layer, original)));
    const then = await before.get(layer)!, now = await this.distortions(layer, rows);
    const rated = candidates.map((candidate) => {
      const key = keyOf(candidate), noise = Math.min(1, candidate.noise * (now.get(key) ?? 1) / (then.get(key) ?? 1));
      return { ...candidate, noise, loss: interpolate(response, noise) };
    });
    return { ...rest, layer, response, candidates: rated };
  }

  /** What stands behind a fitted layer, its scale in the weight and the mean of a normalization as it was: the shift takes the difference. */
  private async vectorsOf({ layer, packed, absorbed }: FittedLayer, now: ReadonlyMap<string, Float32Array>): Promise<[string, Float32Array][]> {
    const follow = await followOf(this.options.model, layer, now), normalization = follow?.normalization, valuesOf = (name: string): Float32Array | undefined => absorbed.find((vector) => vector.name === name)?.values;
    if (!normalization) return absorbed.map(({ name, values }) => [name, values]);
    const { node, scale, mean, shift, deviation } = normalization, unit = packed.scaleStorage === "elsewhere" ? packed.scale : undefined, gamma = valuesOf(scale.name)?.map((v, m) => v / (unit?.[m] ?? 1)), center = valuesOf(mean.name)?.map((v, m) => v * (unit?.[m] ?? 1));
    const offset = constantTensor(node.graph, node.inputs[2]);
    return gamma && center && offset ? [[scale.name, gamma], [offset.name, shift.map((v, m) => v - gamma[m] * (center[m] - mean.values[m]) / deviation[m])]] : [];
  }

  /** Relative distortion of a weight by everything that it could become. */
  private async distortions(layer: Layer, rows: WeightRows): Promise<ReadonlyMap<string, number>> {
    const { model, tools, method } = this.options;
    return new Map((await noiseOfWeights(model, layer, rows, tools, method)).map((candidate) => [keyOf(candidate), candidate.noise]));
  }
}

const keyOf = ({ method, options }: { method: string; options: object }): string => `${method} ${JSON.stringify(options)}`;
