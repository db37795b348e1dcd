import type { Device, TuningDone, ValueFacts } from "../protocol/api";
import type { HeldOut } from "../protocol/report";
import type { TuningManner } from "../protocol/tuning";
import type { Dataset } from "../evaluation/dataset";
import { batchSize } from "../evaluation/evaluate";
import type { Range } from "../evaluation/ranges";
import { extract } from "../onnx/extract";
import type { Model } from "../onnx/model";
import { DataType } from "../onnx/tensor";
import type { Runtime, Session } from "../runtime/runtime";
import type { Barrier } from "../training/differentiate";
import { readNetwork, type Network } from "../training/network";
import { choosePlace } from "../training/device";
import type { Objective } from "../training/objective";
import type { Step } from "../training/step";
import { Trainer, type TrainingState } from "../training/trainer";
import { inputsOf, isNearer, Tuner, type HeldOutBatch, type TuneResult, type TunerState } from "../training/tuner";
import type { Layer } from "../onnx/layers";
import type { StoredChoice } from "./checkpoint";
import type { FittedLayer, LayerChoice, Variant } from "./fit";
import { Liveness } from "./flow";
import type { OwnVector } from "./follow";
import { simulate, type Simulation } from "./integer/simulate";
import { roundEvery, wayFrom, type Joint } from "./joint";
import { Lessons } from "./lessons";
import { looseRate, stagesOf } from "./stages";
import { Student } from "./student";

export interface TuneRequest extends TuningManner {
  model: Model;
  /** The network whose outputs it is to have; the model itself if absent. */
  teacher?: Model;
  /** As they were fitted to the original, in the order of the plan. */
  layers: readonly FittedLayer[];
  input: ValueFacts;
  dataset: Dataset;
  /** Positions of the samples that are trained on, and of those that tell how it gets on. */
  trained: readonly number[];
  watched: readonly number[];
  length: { steps: number } | { seconds: number };
  seed: number;
  threads?: number;
  device?: Device;
  runtime: Runtime;
  refits: Refits;
  /** The network of integers that it becomes: it is trained and judged as such. */
  integers?: Simulation;
  /** What plans for weights while they are trained, where the schedule asks for it. */
  joint?: Joint;
  /** Train the floats alone, for a compression that comes later. */
  prepare?: boolean;
  signal?: AbortSignal;
  stop?: AbortSignal;
  onProgress?(progress: TuningDone): void;
  checkpoint?: TuningCheckpoint;
}

/** Layers of the plan, by position, fitted once more to a network that has been trained. */
export interface Refits {
  known(position: number): Promise<FittedLayer | undefined>;
  make(positions: readonly number[], from: Variant): Promise<FittedLayer[]>;
}

/** Steps in all, and after how many of the last part each the held-out samples are looked at. */
interface Course { steps: number; every: number }
/** How long a training is, and what the network that it is about does without it. */
interface Start { course: Course; before: HeldOut }
/** Where the parts before the last one stand. */
export interface LooseState extends Start { part: number; device: Device; training: TrainingState; /** By the weights as they are, where it follows them. */ plan?: readonly StoredChoice[] }

export interface TuningCheckpoint {
  load(): Promise<TunerState | undefined>;
  save(state: TunerState): Promise<void>;
  loadLoose(): Promise<LooseState | undefined>;
  saveLoose(state: LooseState): Promise<void>;
}

export interface Tuned {
  device: Device;
  layers: readonly FittedLayer[];
  vectors: readonly OwnVector[];
  /** Of the grids of integers, by name; absent where they are what calibration chose. */
  ranges?: ReadonlyMap<string, Range>;
  /** What the layers were made by, where that is another plan than theirs was. */
  plan?: readonly LayerChoice[];
  /** Where floats were trained alone. */
  weights?: ReadonlyMap<Layer, Float32Array>;
  steps: number;
  /** How many it would have been. */
  planned: number;
  bestStep: number;
  before: HeldOut;
  after: HeldOut;
  /** What could not be tuned, and other things to know, in words. */
  notes: string[];
}

/** A part in which layers are loose. */
interface LoosePart extends Start {
  part: number;
  offset: number;
  steps: number;
  resumed?: TrainingState;
  /** Called before the first step too. */
  afterStep?(step: number): Promise<void>;
  plan?(): LooseState["plan"];
}

/** Samples of a step: small networks get more, or most of the time would go into starting operators. */
const BATCH = { small: 128, large: 64, largeParameters: 2e6 };
/** Softens predictions, so that what the original is nearly sure of still teaches. */
const TEMPERATURE = 4;
/** Looks at the held-out samples in all. */
const LOOKS = 40;

/** Trains a compressed network's codes, scales, biases and normalizations until it does what the original does, as nearly as it can. */
export async function tune(request: TuneRequest): Promise<Tuned> {
  return new Tuning(request).run();
}

/** One training: what all its parts have in common. */
class Tuning {
  private readonly outputs: string[];
  private readonly teacher: Model;
  /** Its outputs. */
  private readonly taught: string[];
  private readonly batch: number;
  private readonly notes: string[] = [];
  private device: Device = "cpu";
  private lessons!: Lessons;
  private held: HeldOutBatch[] = [];
  private labels = 0;

  constructor(private readonly request: TuneRequest) {
    const { model, input, layers } = request, parameters = layers.reduce((sum, { layer }) => sum + layer.parameters, 0);
    this.outputs = logitsOf(model, new Liveness(model, input.name).outputs);
    this.teacher = request.teacher ?? model;
    this.taught = logitsOf(this.teacher, new Liveness(this.teacher, input.name).outputs);
    this.batch = batchSize(input, parameters < BATCH.largeParameters ? BATCH.small : BATCH.large).size;
  }

  async run(): Promise<Tuned> {
    const { request: { model, layers, checkpoint, labels = 0, schedule, noise, prepare, joint } } = this;
    let plain: Student | undefined = await Student.of(model, layers);
    const network = await this.networkOf(plain), known = await checkpoint?.load(), loose = await checkpoint?.loadLoose();
    await this.chooseDevice(known?.device ?? loose?.device, plain, network);
    const teacher = await this.openTeacher(this.device);
    try {
      this.lessons = this.lessonsOf(teacher);
      this.held = await this.lessons.heldOut();
      await this.lessons.chooseAugmentation(this.held);
      const problem = labels ? this.lessons.problemWithLabels(this.held) : undefined;
      if (problem === undefined) this.labels = labels;
      else this.notes.push(problem);
      const tuner = this.tunerOf(plain, network);
      if (!prepare && (schedule ?? "endToEnd") === "endToEnd" && !noise) return await this.finish(plain, await tuner.run());
      const start = loose ?? await tuner.survey();
      plain = undefined; // weights that are floats take its memory
      if (prepare) return await this.trainFloats(start, loose);
      return await (joint ? this.trainJointly(start, joint, known, loose) : this.trainInParts(start, known, loose));
    } finally {
      await teacher.release();
    }
  }

  /** First parts in which some layers are loose, then the whole compressed network; what comes out is no worse than it would have been without any training. */
  private async trainInParts({ course, before }: Start, known: TunerState | undefined, loose: LooseState | undefined): Promise<Tuned> {
    const { request, request: { model, layers, seed, noise, refits } } = this;
    const stages = stagesOf(orderOf(layers), course.steps, request), last = stages.length - 1, student = await Student.loose(model, layers, { noise, seed });
    const resumed = loose && await isKnown(refits, stages.slice(0, (known ? last : loose.part) + 1).flatMap(({ quantized }) => quantized)) ? { part: known ? last : loose.part, loose } : undefined;
    let done = 0, taken = 0;
    for (const [part, { quantized, steps }] of stages.entries()) {
      if (quantized.length) await student.quantize(await this.fits(quantized, student));
      if (part === last) break;
      taken += part < (resumed?.part ?? 0) ? steps : (await this.trainLoose(student, { part, offset: done, steps, course, before, resumed: resumed?.part === part ? resumed.loose.training : undefined })).trained;
      done += steps;
    }
    return this.trainWhole(student, { course, before }, { steps: stages[last].steps, taken, known: resumed && known });
  }

  /** First all weights, drawn to what a plan that follows them makes of them; then the whole compressed network, by the last of these plans. */
  private async trainJointly({ course, before }: Start, joint: Joint, known: TunerState | undefined, loose: LooseState | undefined): Promise<Tuned> {
    const { model, layers, seed, noise } = this.request, [{ steps }, whole] = stagesOf(orderOf(layers), course.steps, this.request);
    const student = await Student.loose(model, layers, { noise, seed, isDrawn: true }), planned = loose?.plan && joint.choicesOf(loose.plan);
    const isDone = known && planned && await isKnown(joint.refits(planned), planned.map((_, i) => i));
    let plan = loose?.plan, taken = steps;
    if (!isDone) {
      const every = roundEvery(steps), afterStep = async (step: number): Promise<void> => {
        if (step % every || step === steps) return;
        const { choices, projected } = await joint.round(await student.wanted());
        plan = choices;
        student.draw(projected, wayFrom(step, steps), every);
      };
      taken = (await this.trainLoose(student, { part: 0, offset: 0, steps, course, before, resumed: loose?.training, afterStep, plan: () => plan })).trained;
      plan = (await joint.round(await student.wanted())).choices;
    }
    const choices = joint.choicesOf(plan!), positions = choices.map((_, i) => i);
    await student.quantize(await this.fits(positions, student, joint.refits(choices)));
    return this.trainWhole(student, { course, before }, { steps: whole.steps, taken, known: isDone ? known : undefined, plan: choices });
  }

  /** The last part of a training: all layers are codes. Where what comes out is no nearer to the original than without any training, that stays. */
  private async trainWhole(student: Student, { course, before }: Start, { steps, taken, known, plan }: { steps: number; taken: number; known?: TunerState; plan?: readonly LayerChoice[] }): Promise<Tuned> {
    const { model, layers, checkpoint, onProgress } = this.request, offset = course.steps - steps;
    const result = await this.tunerOf(student, await this.networkOf(student), {
      length: { steps }, looks: Math.ceil(steps / course.every), batch: (step) => this.lessons.batch(offset + step, this.labels > 0),
      checkpoint: checkpoint && { load: async () => known, save: (state) => checkpoint.save(state) },
      onProgress: (progress) => onProgress?.({ ...progress, step: offset + progress.step, steps: course.steps, first: before, best: isNearer(progress.best, before, this.held) ? progress.best : before }),
    }).run(), all = taken + result.steps;
    if (isNearer(result.best, before, this.held)) return { ...await this.finish(student, { ...result, first: before, steps: all, planned: course.steps, bestStep: taken + result.bestStep }), plan };
    return this.finish(await Student.of(model, layers), { ...result, ranges: undefined, first: before, best: before, steps: all, planned: course.steps, bestStep: 0 });
  }

  /** Trains floats alone; what tells how they come on is the network that they are compressed to before and after. */
  private async trainFloats({ course, before }: Start, loose: LooseState | undefined): Promise<Tuned> {
    const { request: { model, layers, seed, noise } } = this, student = await Student.loose(model, layers, { noise, seed });
    const { trained, step: { tuned, barriers } } = await this.trainLoose(student, { part: 0, offset: 0, steps: course.steps, course, before, resumed: loose?.training });
    const { weights, vectors } = await student.result();
    await student.quantize(await this.fits(layers.map((_, i) => i), student));
    const { before: after } = await this.tunerOf(student, await this.networkOf(student)).survey();
    if (!isNearer(after, before, this.held)) this.notes.push("Compressed, what was trained is no nearer to the original than the original's own compressed form. Train for longer, or with another noise.");
    return { layers: [], vectors, weights, device: this.device, steps: trained, planned: course.steps, bestStep: trained, before, after, notes: [...this.notes, ...notesOn(layers, tuned, barriers)] };
  }

  /** Trains the layers that are loose, and the codes of those that are not. @returns how many steps that took, and what one was */
  private async trainLoose(student: Student, { part, offset, steps, course, before, resumed, afterStep, plan }: LoosePart): Promise<{ trained: number; step: Step }> {
    const { request: { runtime, threads, schedule, signal, stop, onProgress, checkpoint, layers }, device, labels } = this, network = await this.networkOf(student);
    const trainer = new Trainer({
      runtime, device, threads, network, trainables: student.trainables, objective: objectiveOf(network, labels), statistics: "fixed", signal, stop,
      inputs: async (step) => inputsOf(await this.lessons.batch(offset + step, labels > 0), network.input), rate: (step, all) => looseRate(step, all, schedule === "iterative"),
    });
    const keep = async (training: TrainingState) => { await checkpoint?.saveLoose({ part, device, course, before, training, plan: plan?.() }); };
    await trainer.open();
    try {
      const start = resumed && trainer.restore(resumed.arrays) ? resumed : { step: 0, steps, loss: 0, arrays: trainer.arrays };
      if (start !== resumed) {
        await afterStep?.(0);
        await keep(start);
      }
      const end = await trainer.run(start, {
        keep,
        afterStep: async ({ step, loss }) => {
          await afterStep?.(step);
          onProgress?.({ step: offset + step, steps: course.steps, loss, first: before, best: before, layers: { done: student.done, of: layers.length } });
        },
      });
      await keep({ ...end, arrays: trainer.arrays });
      return { trained: end.step, step: trainer.step };
    } finally {
      await trainer.close();
    }
  }

  /** Layers fitted to the network as it stands, now or by an earlier run. */
  private async fits(positions: readonly number[], student: Student, refits = this.request.refits): Promise<FittedLayer[]> {
    const known = await Promise.all(positions.map((position) => refits.known(position)));
    return known.every((one) => one !== undefined) ? known : refits.make(positions, await student.result());
  }

  private async finish(student: Student, { steps, planned, bestStep, first, best, ranges, step: { tuned, barriers } }: TuneResult): Promise<Tuned> {
    const { layers, vectors } = await student.result();
    return { layers, vectors, ranges, device: this.device, steps, planned, bestStep, before: first, after: best, notes: [...this.notes, ...notesOn(this.request.layers, tuned, barriers)] };
  }

  private async networkOf({ trainables, changed, network: model }: Student): Promise<Network> {
    const { request: { input, dataset }, batch, outputs } = this;
    const network = await readNetwork(model, { name: input.name, dims: [batch, ...dataset.shape] }, outputs, trainables.map(({ parameter: { name } }) => name));
    for (const [name, data] of changed) {
      const constant = network.constants.get(name);
      if (constant) network.constants.set(name, { ...constant, data });
    }
    return network;
  }

  private tunerOf({ trainables }: Student, floats: Network, more: Partial<ConstructorParameters<typeof Tuner>[0]> = {}): Tuner {
    const { request: { runtime, threads, length, integers, onProgress, checkpoint, signal, stop }, device, labels, held } = this, { network, judged, grids } = integers ? simulate(floats, integers) : { network: floats };
    return new Tuner({
      runtime, device, threads, network, judged, simulated: grids, trainables, objective: objectiveOf(network, labels), statistics: "fixed",
      batch: (step) => this.lessons.batch(step, labels > 0), held, length, looks: LOOKS, onProgress, checkpoint, signal, stop, ...more,
    });
  }

  /** Where the training goes on, or where a step of it is fastest. */
  private async chooseDevice(known: Device | undefined, student: Student, network: Network): Promise<void> {
    const { request: { device: wanted = "auto", runtime, length } } = this;
    if (known) {
      this.device = known;
      return;
    }
    const { device, note } = await choosePlace({
      wanted, devices: runtime.devices, length,
      open: async (place) => {
        const teacher = await this.openTeacher(place), lessons = this.lessonsOf(teacher);
        return { trial: (isTimed) => this.tunerOf(student, network, { device: place, held: [], batch: (step) => lessons.batch(step) }).trial(isTimed), release: () => teacher.release() };
      },
    });
    this.device = device;
    if (note !== undefined) this.notes.push(note);
  }

  private async openTeacher(device: Device): Promise<Session> {
    const { teacher, taught: outputs, request: { input, dataset, runtime, threads } } = this, inputShapes = new Map([[input.name, { type: DataType.FLOAT, shape: ["batch", ...dataset.shape] }]]);
    return runtime.open(await extract(teacher, { inputs: [input.name], outputs, inputShapes }), { threads, device });
  }

  private lessonsOf(teacher: Session): Lessons {
    const { taught: outputs, batch, request: { dataset, trained, watched, seed, input } } = this;
    return new Lessons({ dataset, trained, watched, batch, seed, input: input.name, teacher, outputs });
  }
}

/** Whether all these layers have been fitted already. */
async function isKnown(refits: Refits, positions: readonly number[]): Promise<boolean> {
  for (const position of positions) if (!await refits.known(position)) return false;
  return true;
}

/** The layers of a plan in the order of the network, as positions. */
const orderOf = (layers: readonly FittedLayer[]): number[] => layers.map((_, i) => i).sort((a, b) => layers[a].layer.consumers[0].index - layers[b].layer.consumers[0].index);

/** What could not be tuned, and why. */
function notesOn(layers: readonly FittedLayer[], tuned: readonly string[], barriers: readonly Barrier[]): string[] {
  const left = layers.filter(({ layer: { weight } }) => !tuned.includes(weight)).map(({ layer: { label } }) => label), reasons = [...new Set(barriers.map(({ op, reason }) => `${op} (${reason})`))];
  return left.length ? [`Not tuned, because gradients end at ${reasons.join(", ") || "an operator that is not known"}: ${left.join(", ")}.`] : [];
}

/** Outputs as they are before a softmax at the very end: predictions are compared there. */
function logitsOf({ graph }: Model, outputs: readonly string[]): string[] {
  return outputs.map((name) => {
    const node = graph.producers.get(name);
    return outputs.length === 1 && (node?.op === "Softmax" || node?.op === "LogSoftmax") ? node.inputs[0] : name;
  });
}

/** A network with one output [N, classes] is a classifier. */
function objectiveOf({ outputs, dims }: Network, labels: number): Objective {
  const shape = dims.get(outputs[0]);
  return outputs.length === 1 && shape?.length === 2 && shape[1] > 1 ? { kind: "distillation", temperature: TEMPERATURE, labels } : { kind: "squaredError" };
}
