import { hasPlaces, mapOf } from "../evaluation/deviations";
import { batchesOf, dataInput } from "../evaluation/evaluate";
import { logProbabilities } from "../evaluation/metrics";
import { leftOver } from "../onnx/channels/mark";
import { extract } from "../onnx/extract";
import { findLayers, type Layer } from "../onnx/layers";
import { matchModels } from "../onnx/match/match";
import type { Model, Node } from "../onnx/model";
import type { MeasureRequest, Origins, SampleTrace, Trace } from "../protocol/accuracy";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { Session, Tensor } from "../runtime/runtime";
import type { Host } from "./host";
import { measuredOf } from "./measure";
import { openPair, outputNames, type Pair } from "./pair";

/** So many samples make the band that others are held against. */
const BAND_SAMPLES = 256;
/** Layer outputs of a batch take no more than this. */
const BATCH_BYTES = 64e6, LARGEST_BATCH = 32;

/** A value of both networks that can be compared. `left`: where the compressed one has fewer channels, those of the original that are left, along their axis. */
interface Probe { id: string; label: string; before: string; after: string; left?: { axis: number; channels: readonly number[] } }

/** Follows samples through two networks side by side: how far the compressed one's layer outputs are from the original's. */
export class Tracer {
  private readonly ratios: number[][];
  private taken = 0;
  private batch = 1;
  private turn: Promise<unknown> = Promise.resolve();
  private sessions: Promise<[original: Session, compressed: Session]> | undefined;

  private constructor(readonly pair: Pair, private readonly probes: readonly Probe[], private readonly request: MeasureRequest, private readonly host: Host) {
    this.ratios = probes.map(() => []);
  }

  static async open(request: MeasureRequest, host: Host): Promise<Tracer> {
    const pair = await openPair(request, host);
    try {
      return new Tracer(pair, await probesOf(pair.original.model, pair.compressed.model), request, host);
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.turn.catch(() => undefined);
    for (const session of await this.sessions?.catch(() => []) ?? []) await session.release();
    await this.pair.close();
  }

  get layers(): { id: string; label: string }[] { return this.probes.map(({ id, label }) => ({ id, label })); }

  /** One sample, or none, before the band of many of those that are measured, which is made once and grows before one's eyes. */
  async trace(position: number | undefined, onProgress: (trace: Trace) => void = () => undefined, signal?: AbortSignal): Promise<Trace> {
    if (!this.probes.length) throw new KernelscopeError("unsupported", "The two models have no layers in common, so there is nothing to follow from layer to layer.");
    const sample = position === undefined ? undefined : await this.alone(() => this.follow(position));
    const measured = measuredOf(this.request, this.pair.dataset.size), wanted = Math.min(BAND_SAMPLES, measured.length), positions = Array.from({ length: wanted }, (_, i) => measured[Math.floor((i + 0.5) * measured.length / wanted)]);
    const state = (): Trace => this.state(wanted, sample);
    onProgress(state());
    while (this.taken < wanted) {
      throwIfCancelled(signal);
      await this.alone(() => this.widen(positions.slice(this.taken, this.taken + this.batch)));
      if (this.taken < wanted) onProgress(state());
    }
    return state();
  }

  /** Where each of some samples leaves the band, which is made first; as many at once as a batch has room for. */
  async origins(positions: readonly number[], onProgress: (origins: Origins) => void = () => undefined, signal?: AbortSignal): Promise<Origins> {
    const found: Origins["found"] = [], { layers } = this;
    const tell = ({ samples, wanted }: Pick<Trace, "samples" | "wanted">): Origins => ({ layers, found: [...found], done: samples + found.length, total: wanted + positions.length });
    const band = await this.trace(undefined, (trace) => onProgress(tell(trace)), signal);
    while (found.length < positions.length) {
      throwIfCancelled(signal);
      const some = positions.slice(found.length, found.length + this.batch);
      await this.alone(async () => {
        for await (const { chosen, ratios } of this.ratiosOf(some)) chosen.forEach((position, s) => found.push({ position, layer: layers[outsideOf(ratios[s], band.low) ?? -1]?.id }));
      });
      onProgress(tell(band));
    }
    return tell(band);
  }

  /** Sessions run for one caller at a time. */
  private alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.turn.catch(() => undefined).then(work);
    this.turn = turn;
    return turn;
  }

  /** Both models with their layers' outputs, opened on first use. */
  private open(): Promise<[Session, Session]> {
    const open = async ({ model }: { model: Model }, names: string[]) => this.host.runtime.open(await extract(model, { inputs: [], outputs: [...new Set([...names, ...outputsOf(model)])] }), { threads: this.request.threads, device: "cpu" });
    return this.sessions ??= (async () => {
      const original = await open(this.pair.original, this.probes.map(({ before }) => before));
      return [original, await open(this.pair.compressed, this.probes.map(({ after }) => after))];
    })();
  }

  private async widen(positions: readonly number[]): Promise<void> {
    for await (const { chosen, ratios } of this.ratiosOf(positions)) {
      for (const sample of ratios) sample.forEach((db, i) => this.ratios[i].push(db));
      this.taken += chosen.length;
    }
  }

  /** Decibels at every layer for each of some samples. */
  private async *ratiosOf(positions: readonly number[]): AsyncGenerator<{ chosen: readonly number[]; ratios: Float32Array[] }> {
    const { dataset, batch: { size, fixed } } = this.pair;
    for await (const { tensor, chosen } of batchesOf(dataset, positions, fixed ? { size, fixed } : { size: this.batch, fixed: false })) {
      const [before, after] = await this.run(tensor), wanted = this.wanted(before);
      yield { chosen, ratios: chosen.map((_, s) => this.sqnr(wanted, after, tensor.dims[0], s)) };
    }
  }

  private async follow(position: number): Promise<SampleTrace> {
    const { dataset, batch } = this.pair, [{ tensor }] = await all(batchesOf(dataset, [position], batch.fixed ? batch : { size: 1, fixed: false }));
    const rows = tensor.dims[0], [before, after] = await this.run(tensor), { original, compressed } = this.pair, own = outputsOf(original.model), [first] = own, named = outputNames(original.model, compressed.model);
    const afterOf = (name: string): Tensor | undefined => after[named.get(name) ?? name];
    const isClassifier = own.length === 1 && before[first].dims.length === 2 && before[first].dims[0] === rows && before[first].dims[1] > 1;
    const probabilities = (value: Tensor) => Float32Array.from(logProbabilities(value.data.subarray(0, value.dims[1])), Math.exp);
    const mapped = own.find((name) => before[name].dims[0] === rows && hasPlaces(before[name]) && afterOf(name)?.data.length === before[name].data.length), given = afterOf(first), there = mapped === undefined ? undefined : afterOf(mapped);
    return {
      position, name: dataset.nameOf(position), sqnrDb: this.sqnr(this.wanted(before), after, rows, 0),
      ...(isClassifier && given ? { original: probabilities(before[first]), compressed: probabilities(given) } : {}),
      ...(mapped === undefined || !there ? {} : { maps: { output: mapped, original: mapOf(before[mapped]), compressed: mapOf(there), difference: mapOf(before[mapped], there) } }),
    };
  }

  private async run(tensor: Tensor): Promise<[Record<string, Tensor>, Record<string, Tensor>]> {
    const [original, compressed] = await this.open(), run = (session: Session, { model }: Pair["original"]) => session.run({ [dataInput(model).name]: tensor }), before = await run(original, this.pair.original), after = await run(compressed, this.pair.compressed);
    const bytes = 4 * this.probes.reduce((sum, probe) => sum + before[probe.before].data.length, 0) / tensor.dims[0];
    this.batch = Math.max(1, Math.min(LARGEST_BATCH, Math.floor(BATCH_BYTES / (2 * bytes || 1))));
    return [before, after];
  }

  /** What the original hands on at every layer, in the channels that the compressed one has left. */
  private wanted(before: Record<string, Tensor>): Tensor[] { return this.probes.map((probe) => (probe.left ? channelsOf(before[probe.before], probe.left) : before[probe.before])); }

  /** Decibels at every layer for one sample of a batch. @param wanted see {@link wanted} */
  private sqnr(wanted: readonly Tensor[], after: Record<string, Tensor>, rows: number, s: number): Float32Array {
    return Float32Array.from(this.probes, (probe, at) => {
      const { data: x, dims } = wanted[at], { data: y } = after[probe.after], bySample = dims.length > 0 && dims[0] % rows === 0, size = bySample ? x.length / rows : x.length, from = bySample ? s * size : 0;
      if (x.length !== y.length) return NaN;
      let signal = 0, noise = 0;
      for (let i = from; i < from + size; i++) {
        signal += x[i] ** 2;
        noise += (x[i] - y[i]) ** 2;
      }
      return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
    });
  }

  private state(wanted: number, sample: SampleTrace | undefined): Trace {
    const sorted = this.ratios.map((ratios) => Float32Array.from(ratios.filter((db) => !Number.isNaN(db))).sort()), at = (share: number) => Float32Array.from(sorted, (values) => (values.length ? values[Math.round(share * (values.length - 1))] : NaN));
    const low = at(0.1);
    return {
      layers: this.layers, low, median: at(0.5), high: at(0.9), samples: this.taken, wanted,
      sample: sample && { ...sample, outside: outsideOf(sample.sqnrDb, low) },
    };
  }
}

/** The first layer at which a sample is below the band, if there is one. */
function outsideOf(sqnrDb: Float32Array, low: Float32Array): number | undefined {
  const below = sqnrDb.findIndex((db, i) => db < low[i]);
  return below < 0 ? undefined : below;
}

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** Some channels of a value alone. */
function channelsOf({ dims, data }: Tensor, { axis, channels }: NonNullable<Probe["left"]>): Tensor {
  const at = axis < 0 ? dims.length + axis : axis, size = dims.slice(at + 1).reduce((a, b) => a * b, 1), all = dims[at] * size, cut = new Float32Array(data.length / dims[at] * channels.length);
  for (let from = 0, to = 0; from < data.length; from += all) for (const channel of channels) {
    cut.set(data.subarray(from + channel * size, from + (channel + 1) * size), to);
    to += size;
  }
  return { dims: dims.map((dim, i) => (i === at ? channels.length : dim)), data: cut };
}

const outputsOf = ({ graph }: Model): string[] => graph.outputs.map(({ name }) => name);

/** The layers that both models have, each with what it hands on, where channels were taken away what is left of it. */
async function probesOf(original: Model, compressed: Model): Promise<Probe[]> {
  const [before, after] = [original, compressed].map((model) => ({ model, layers: findLayers(model) })), { layers } = await matchModels(before, after), left = leftOver(compressed, after.layers);
  return before.layers.flatMap((layer) => {
    const other = layers.get(layer), inMain = layer.consumers[0].graph === original.graph && other?.consumers[0].graph === compressed.graph;
    if (!other || !inMain) return [];
    const channels = left.get(other.id)?.outputs;
    return [{ id: layer.id, label: layer.label, before: handedOn(layer), after: handedOn(other), ...(channels && { left: { axis: layer.convolution ? 1 : -1, channels } }) }];
  });
}

/**
 * What a layer hands on: its output behind a bias and normalization of its own, which may have taken over a part of the weights' scale,
 * so that before them the two networks differ in nothing but units.
 */
function handedOn({ consumers: [node], graph }: Layer): string {
  let value = node.outputs[0];
  const next = (): Node | undefined => {
    const users = node.graph.consumers.get(value) ?? [];
    return users.length === 1 && !node.graph.outputs.some(({ name }) => name === value) ? users[0] : undefined;
  };
  const add = node.op === "MatMul" ? next() : undefined;
  if (add?.op === "Add" && add.inputs.some((name) => graph.initializers.has(name))) value = add.outputs[0];
  const normalization = next();
  return normalization?.op === "BatchNormalization" && normalization.inputs[0] === value ? normalization.outputs[0] : value;
}
