import type { ModelEdit } from "../../onnx/edit";
import { findLayers, type Layer } from "../../onnx/layers";
import type { Model, Node } from "../../onnx/model";
import type { IntegerLayerReport, IntegerReport, LeftLayer } from "../../protocol/report";
import { throwIfCancelled } from "../../protocol/errors";
import type { Runtime, Tensor } from "../../runtime/runtime";
import { EffectMeter, type Effect } from "../effect";
import type { Batches } from "../flow";
import { calibrate, sourcesOf, type Calibrated, type RangeOptions } from "./calibrate";
import { channelError, channelWarning, layersBefore, unevenGrids } from "./channels";
import { LEVELS } from "../../evaluation/integer/grids";
import { fixedNormalizations } from "./normalizations";
import { planIntegers, type IntegerChoices, type IntegerPlan } from "./plan";
import { quantizeActivations } from "./quantize";

/** Operators whose count says how much of a network is integers. */
const CONVOLUTIONS = new Set(["Conv", "ConvTranspose"]);

export interface IntegerRequest {
  /** A model whose weights are integers, see `assemble`. */
  model: Model;
  /** Samples that ranges are looked for on, read anew each time. */
  samples: { batches(): AsyncIterable<Tensor> };
  /** Samples that layers are diagnosed on. */
  trials: Batches;
  /** What the original puts out for some of them; asked for where that is needed. */
  reference(trials: Batches): Promise<ReadonlyMap<string, readonly Tensor[]>>;
  runtime: Runtime;
  ranges: RangeOptions;
  /** What outputs of layers are off by on average, by identities, where nothing has answered that yet. */
  meanErrors?(): Promise<ReadonlyMap<string, Float64Array>>;
  normalizations?: IntegerChoices["normalizations"];
  /** Layers, by identity, that are to stay float. */
  left: ReadonlySet<string>;
  /** What was decided for a training that has been since, and what ranges have become in it. */
  known?: Decided;
  /** Leave the layers to floats that cost most, one after the other, until so many predictions are the original's. */
  agreement?: number;
  /** Measure what each layer costs. */
  diagnose?: boolean;
  threads?: number;
  signal?: AbortSignal;
  onProgress?(text: string, share: number): void;
}

/** Layers that make an output stay float where its channels are shown so much better. */
const CLEARLY_BETTER = 0.5;

/** Mean errors of a layer are taken back where they are so many steps of its outputs' grid, and what the network loses falls below this share. */
const VISIBLE = 0.1, CORRECTED = 0.95;
/** Samples that tell. */
const TELLING = 64;

/** What can be said of a network of integers before its weights are trained. */
export interface Decided {
  /** Layers that stay float, by identity, with the reason. */
  left: ReadonlyMap<string, string>;
  ranges: ReadonlyMap<string, Calibrated>;
  notes: readonly string[];
}

/** Decides which values of a network are integers, and what ranges they have; and finds out which share of what the network loses comes of rounding them, rather than of its weights, and how much loss that adds. */
export async function decideIntegers(request: IntegerRequest): Promise<Decided & { plan: IntegerPlan; rounding: number; added: number }> {
  return new Integers(request).decide();
}

/** Makes integers of the activations of a network whose weights are some; which layers stay float is asked for or found out. Notes warn of what 8 bits show badly. */
export async function integersOf(request: IntegerRequest): Promise<{ edit: ModelEdit; report: IntegerReport; notes: string[] }> {
  return new Integers(request).run();
}

class Integers {
  private readonly layers: Layer[];
  private readonly ranges: Map<string, Calibrated>;
  private readonly notes: string[];
  private errors: ReadonlyMap<Node, Float64Array> | undefined;
  private readonly references = new Map<number, ReadonlyMap<string, readonly Tensor[]>>();

  constructor(private readonly request: IntegerRequest) {
    this.layers = findLayers(request.model);
    this.ranges = new Map(request.known?.ranges);
    this.notes = [...request.known?.notes ?? []];
  }

  async decide(): Promise<Decided & { plan: IntegerPlan; rounding: number; added: number }> {
    const { left, plan, edit } = await this.begin(), whole = await this.effect(edit), weights = await this.effect(await this.edit(this.plan(this.without(left))));
    return { left, plan, ranges: this.ranges, notes: this.notes, rounding: Math.max(0, 1 - weights.loss / (whole.loss || 1)), added: Math.max(0, whole.loss - weights.loss) };
  }

  /** What stays float where no layer is integers, or one alone. */
  private without(left: ReadonlyMap<string, string>, kept?: Layer): Map<string, string> {
    return new Map([...left, ...this.layers.filter((layer) => layer !== kept && !left.has(layer.id)).map(({ id }) => [id, "not now"] as const)]);
  }

  /** The plan with what is left to floats whatever else is found out. */
  private async begin(): Promise<{ left: Map<string, string>; plan: IntegerPlan; edit: ModelEdit }> {
    const { known } = this.request, left = new Map(known?.left ?? [...this.request.left].map((id) => [id, "Left to floats, as the recipe asks."])), plan = this.plan(left), edit = await this.edit(plan);
    return { left, ...(known ? { plan, edit } : await this.spareHeads(left, plan, edit)) };
  }

  async run(): Promise<{ edit: ModelEdit; report: IntegerReport; notes: string[] }> {
    const { diagnose, agreement } = this.request, start = await this.begin(), { left } = start;
    let { plan } = start, edit = await this.correctBiases(plan, start.edit), found: Pick<Required<IntegerReport>, "layers" | "floor"> | undefined;
    let effect = agreement === undefined && !diagnose ? undefined : await this.effect(edit);
    const falls = () => effect !== undefined && agreement !== undefined && 1 - effect.disagreement < agreement;
    if (diagnose || falls()) found = await this.diagnose(left);
    for (const { layer } of found?.layers ?? []) { // by what each costs alone: fewer are left so than by what all but it cost
      if (!falls()) break;
      left.set(layer, "Left to floats to reach the agreement asked for.");
      plan = this.plan(left);
      edit = await this.edit(plan);
      effect = await this.effect(edit);
    }
    const uneven = this.unevenGrids(plan), warnings = uneven.map(channelWarning), normalizations = await fixedNormalizations(this.request.model, plan, this.ranges);
    return {
      edit, notes: [...this.notes, ...warnings.map(({ text, advice }) => `${text} ${advice}`)],
      report: {
        ...this.count(plan), left: [...left].map(([layer, reason]): LeftLayer => ({ layer, reason, asked: this.request.left.has(layer) })), warnings: warnings.map(({ text }, i) => ({ text, layers: this.layersOn(plan, uneven[i].root) })),
        ...(normalizations.length && { normalizations }), ...found, ...(effect && { loss: effect.loss, ...(effect.samples > 0 && { agreement: 1 - effect.disagreement, samples: effect.samples }) }),
      },
    };
  }

  /** Layers whose outputs lie on a grid, behind what runs within them. */
  private layersOn({ grids, graph, kinds }: IntegerPlan, grid: string): string[] {
    const isOn = (name: string): boolean => (grids.has(name) ? grids.get(name) === grid : graph.nodes.some((node) => kinds.get(node) === "clamp" && node.inputs[0] === name && isOn(node.outputs[0])));
    return this.layers.filter(({ consumers }) => consumers.some(({ outputs: [output] }) => isOn(output))).map(({ id }) => id);
  }

  /** Takes back in the biases what outputs are off by on average, where a grid can show that and samples show that it helps. */
  private async correctBiases(plan: IntegerPlan, edit: ModelEdit): Promise<ModelEdit> {
    const errors = await this.request.meanErrors?.(), nodes = new Map(this.layers.flatMap(({ id, consumers: [node] }) => { const error = errors?.get(id); return error ? [[node, error] as const] : []; }));
    if (![...nodes].some(([node, error]) => this.isVisible(plan, node, error))) return edit;
    const before = await this.effect(edit, TELLING);
    this.errors = nodes;
    const corrected = await this.edit(plan), after = await this.effect(corrected, TELLING);
    if (after.loss < CORRECTED * before.loss) {
      this.notes.push("Biases take back what rounded weights are off by on average, which brings the outputs nearer to the original's.");
      return corrected;
    }
    this.errors = undefined;
    return edit;
  }

  /** Whether what a layer's outputs are off by on average is much on their grid. */
  private isVisible({ graph, grids }: IntegerPlan, { outputs: [output] }: Node, error: Float64Array): boolean {
    const name = grids.has(output) ? output : graph.consumers.get(output)?.[0]?.outputs[0] ?? output, range = this.ranges.get(name), step = range ? (range.max - range.min) / LEVELS : Infinity;
    return Math.sqrt(error.reduce((sum, v) => sum + v * v, 0) / error.length) > VISIBLE * step;
  }

  private unevenGrids(plan: IntegerPlan): ReturnType<typeof unevenGrids> {
    return unevenGrids(plan, new Map([...this.ranges].flatMap(([name, { peaks }]) => (peaks ? [[name, peaks] as const] : []))));
  }

  /** Leaves the layers to floats that make an output of channels of extremely different ranges, as a detector's, where samples show that it comes out much better so. */
  private async spareHeads(left: Map<string, string>, plan: IntegerPlan, edit: ModelEdit): Promise<{ plan: IntegerPlan; edit: ModelEdit }> {
    let best = { plan, edit };
    for (const { output } of this.unevenGrids(plan)) {
      if (output === undefined) continue;
      const heads = layersBefore(plan, output, this.layers).filter(({ id }) => !left.has(id)), tried = new Map([...left, ...heads.map(({ id }) => [id, `Left to floats: it makes ${output}, whose channels have extremely different ranges.`] as const)]);
      const spared = this.plan(tried), written = await this.edit(spared), [before, after] = [await this.errorAt(output, best.edit), await this.errorAt(output, written)];
      if (!heads.length || after > CLEARLY_BETTER * before) continue;
      for (const [id, reason] of tried) left.set(id, reason);
      best = { plan: spared, edit: written };
      this.notes.push(`The output ${output} has channels of extremely different ranges, as boxes and scores of a detector are: ${heads.length === 1 ? `the layer ${heads[0].label} stays` : `${heads.length} layers that make it stay`} float, with which their mean error falls from ${percent(before)} to ${percent(after)}.`);
    }
    return best;
  }

  /** {@link channelError} of an output. */
  private async errorAt(output: string, edit: ModelEdit): Promise<number> {
    const { runtime, threads } = this.request, { input, batches, reference } = await this.trials(Infinity), session = await runtime.open(await edit.toBytes(), { threads, device: "cpu" }), found: Tensor[] = [];
    try {
      for (const batch of batches) found.push((await session.run({ [input]: batch }, [output]))[output]);
    } finally {
      await session.release();
    }
    return channelError(reference.get(output)!, found);
  }

  private plan(left: ReadonlyMap<string, string>): IntegerPlan {
    const { model, normalizations } = this.request, floats = new Map<Node, string>();
    for (const { id, consumers } of this.layers) {
      const reason = left.get(id);
      if (reason !== undefined) for (const node of consumers) floats.set(node, reason);
    }
    return planIntegers(model, { floats, normalizations });
  }

  /** The edit of a plan; ranges are looked for once. */
  private async edit(plan: IntegerPlan): Promise<ModelEdit> {
    const { model, samples, trials: { input }, runtime, ranges, threads, signal, onProgress } = this.request;
    const missing = sourcesOf(plan).filter((name) => !this.ranges.has(name));
    if (missing.length) {
      onProgress?.("looking at the range of every activation", 0);
      for (const [name, range] of await calibrate(model, plan, missing, input, samples.batches(), runtime, ranges, { threads, signal })) this.ranges.set(name, range);
    }
    return quantizeActivations(model, plan, this.ranges, runtime, this.errors);
  }

  /** So many of the samples at least, and what the original makes of them. */
  private async trials(most: number): Promise<Batches & { reference: ReadonlyMap<string, readonly Tensor[]> }> {
    const { trials: { input, batches } } = this.request, count = Math.min(batches.length, Math.ceil(most / batches[0].dims[0])), some = { input, batches: batches.slice(0, count) };
    const reference = this.references.get(count) ?? await this.request.reference(some);
    this.references.set(count, reference);
    return { ...some, reference };
  }

  /** What a network of integers does to the original's predictions. */
  private async effect(edit: ModelEdit, most = Infinity): Promise<Effect> {
    const { runtime, threads, signal } = this.request, { input, batches, reference } = await this.trials(most), meter = new EffectMeter(reference), session = await runtime.open(await edit.toBytes(), { threads, device: "cpu" });
    try {
      for (const [i, batch] of batches.entries()) {
        throwIfCancelled(signal);
        meter.add(i, await session.run({ [input]: batch }));
      }
    } finally {
      await session.release();
    }
    return meter.effect;
  }

  /** Each layer alone as integers, and all but it; and none. */
  private async diagnose(left: ReadonlyMap<string, string>): Promise<Pick<Required<IntegerReport>, "layers" | "floor">> {
    const open = this.layers.filter(({ id, consumers }) => !left.has(id) && consumers.some((node) => this.isPacked(node))), found: IntegerLayerReport[] = [];
    const floor = await this.effect(await this.edit(this.plan(this.without(left))));
    for (const [i, layer] of open.entries()) {
      this.request.onProgress?.(`trying layer ${layer.label} by itself, ${i + 1} of ${open.length}`, i / open.length);
      const alone = await this.effect(await this.edit(this.plan(this.without(left, layer))));
      const without = await this.effect(await this.edit(this.plan(new Map([...left, [layer.id, "not now"]]))));
      found.push({ layer: layer.id, alone: figures(alone), without: figures(without) });
    }
    return { layers: found.sort((a, b) => b.alone.loss - a.alone.loss), floor: figures(floor) };
  }

  private isPacked({ graph, inputs: [, weight] }: Node): boolean { return graph.producers.get(weight)?.op === "DequantizeLinear"; }

  private count({ graph, kinds, floats }: IntegerPlan): Pick<IntegerReport, "convolutions" | "floatConvolutions" | "floats"> {
    const convolutions = graph.nodes.filter(({ op }) => CONVOLUTIONS.has(op));
    return { convolutions: convolutions.length, floatConvolutions: convolutions.filter((node) => kinds.get(node) === "float").length, floats: [...floats].map(([{ op, name, outputs }, reason]) => ({ op, node: name || outputs[0], reason })) };
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.01 ? 3 : 1)} %`;
const figures = ({ loss, disagreement, samples }: Effect): IntegerLayerReport["alone"] => ({ loss, ...(samples > 0 && { agreement: 1 - disagreement }) });
