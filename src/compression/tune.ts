import type { Device, TuningDone, ValueFacts } from "../protocol/api";
import type { HeldOut } from "../protocol/report";
import type { Dataset } from "../evaluation/dataset";
import { batchSize } from "../evaluation/evaluate";
import { extract } from "../onnx/extract";
import type { Model } from "../onnx/model";
import { DataType } from "../onnx/tensor";
import type { Runtime, Session } from "../runtime/runtime";
import type { Barrier } from "../training/differentiate";
import { readNetwork, type Network } from "../training/network";
import { choosePlace } from "../training/device";
import type { Objective } from "../training/objective";
import { Tuner, type HeldOutBatch, type TunerState } from "../training/tuner";
import type { FittedLayer } from "./fit";
import { Liveness } from "./flow";
import type { OwnVector } from "./follow";
import { Lessons } from "./lessons";
import { Student } from "./student";

export interface TuneRequest {
  model: Model;
  layers: readonly FittedLayer[];
  input: ValueFacts;
  dataset: Dataset;
  /** Positions of the samples that are trained on, and of those that tell how it gets on. */
  trained: readonly number[];
  watched: readonly number[];
  length: { steps: number } | { seconds: number };
  seed: number;
  /** Share of the labels' cross-entropy in the loss. */
  labels?: number;
  threads?: number;
  device?: Device;
  runtime: Runtime;
  signal?: AbortSignal;
  stop?: AbortSignal;
  onProgress?(progress: TuningDone): void;
  checkpoint?: { load(): Promise<TunerState | undefined>; save(state: TunerState): Promise<void> };
}

export interface Tuned {
  device: Device;
  layers: FittedLayer[];
  vectors: OwnVector[];
  steps: number;
  bestStep: number;
  before: HeldOut;
  after: HeldOut;
  /** What could not be tuned, in words. */
  notes: string[];
}

/** Samples of a step: small networks get more, or most of the time would go into starting operators. */
const BATCH = { small: 128, large: 64, largeParameters: 2e6 };
/** Softens predictions, so that what the original is nearly sure of still teaches. */
const TEMPERATURE = 4;
/** Looks at the held-out samples in all. */
const LOOKS = 40;

/** Trains a compressed network's codes, scales, biases and normalizations until it does what the original does, as nearly as it can. */
export async function tune(request: TuneRequest): Promise<Tuned> {
  const { model, layers, input, dataset, trained, watched, length, seed, labels = 0, threads, device: wanted = "auto", runtime, signal, stop, onProgress, checkpoint } = request;
  const outputs = logitsOf(model, new Liveness(model, input.name).outputs), student = await Student.of(model, layers);
  const parameters = layers.reduce((sum, { layer }) => sum + layer.parameters, 0), batch = batchSize(input, parameters < BATCH.largeParameters ? BATCH.small : BATCH.large).size;
  const network = await readNetwork(model, { name: input.name, dims: [batch, ...dataset.shape] }, outputs, student.trainables.map(({ parameter: { name } }) => name));
  substitute(network, student);
  const inputShapes = new Map([[input.name, { type: DataType.FLOAT, shape: ["batch", ...dataset.shape] }]]);
  const openTeacher = async (device: Device) => runtime.open(await extract(model, { inputs: [input.name], outputs, inputShapes }), { threads, device });
  const lessonsOf = (teacher: Session) => new Lessons({ dataset, trained, watched, batch, seed, input: input.name, teacher, outputs });
  const tunerOf = (device: Device, lessons: Lessons, held: readonly HeldOutBatch[], share = 0) => new Tuner({
    runtime, device, threads, network, trainables: student.trainables, objective: objectiveOf(network, share), statistics: "fixed",
    batch: (step) => lessons.batch(step, share > 0), held, length, looks: LOOKS, onProgress, checkpoint, signal, stop,
  });
  const known = await checkpoint?.load(), { device, note } = known ? { device: known.device } : await choosePlace({
    wanted, devices: runtime.devices, length,
    open: async (place) => {
      const teacher = await openTeacher(place);
      return { trial: (isTimed) => tunerOf(place, lessonsOf(teacher), []).trial(isTimed), release: () => teacher.release() };
    },
  });
  const teacher = await openTeacher(device);
  try {
    const lessons = lessonsOf(teacher), held = await lessons.heldOut();
    await lessons.chooseAugmentation(held);
    const problem = labels ? lessons.problemWithLabels(held) : undefined;
    const { steps, bestStep, first, best, step: { tuned, barriers } } = await tunerOf(device, lessons, held, problem === undefined ? labels : 0).run();
    return { ...await student.result(), device, steps, bestStep, before: first, after: best, notes: [note, problem, ...notesOn(layers, tuned, barriers)].filter((one) => one !== undefined) };
  } finally {
    await teacher.release();
  }
}

/** What could not be tuned, and why. */
function notesOn(layers: readonly FittedLayer[], tuned: readonly string[], barriers: readonly Barrier[]): string[] {
  const left = layers.filter(({ layer: { weight } }) => !tuned.includes(weight)).map(({ layer: { label } }) => label), reasons = [...new Set(barriers.map(({ op, reason }) => `${op} (${reason})`))];
  return left.length ? [`Not tuned, because gradients end at ${reasons.join(", ") || "an operator that is not known"}: ${left.join(", ")}.`] : [];
}

/** Puts what the fit has changed in the place of the model's constants. */
function substitute({ constants }: Network, { changed }: Student): void {
  for (const [name, data] of changed) {
    const constant = constants.get(name);
    if (constant) constants.set(name, { ...constant, data });
  }
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
