import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { Random } from "../src/numeric/random";
import type { ConstantValue } from "../src/onnx/arrays";
import type { NodeSpec } from "../src/onnx/encode";
import { DataType } from "../src/onnx/tensor";
import { countOf, TAPS } from "../src/training/graph";
import { foldNormalizations } from "../src/training/fold";
import { readNetwork, type Network } from "../src/training/network";
import { teacherInput } from "../src/training/objective";
import { Momentum } from "../src/training/optimizer";
import { release } from "../src/training/release";
import { buildStep, gradientOutput, LOSS, reordered, type Parameter } from "../src/training/step";
import { dataInput } from "../src/evaluation/evaluate";
import { openModelFile } from "../src/worker/host";
import { TORCH_STEP } from "./step-torch";

/**
 * A training step ÷ PyTorch's better memory layout, in alternating runs: loss, gradients of all weights, biases and batch normalizations, batch statistics, update.
 * With --statistics fixed normalizations keep those of the model on both sides, as in tuning; none come out then.
 * npm run bench:step -- --model MODEL [--batch 64] [--threads 1,2] [--pairs 9] [--statistics batch|fixed]
 */
const PYTHON = "/usr/bin/python3", RATE = 1e-3, MEMORY_TARGET = 1.3, ERROR_TARGET = 1e-3;
const LAYOUTS = ["contiguous", "channels_last"];

const { values: options } = parseArgs({ options: {
  model: { type: "string" }, batch: { type: "string", default: "64" }, threads: { type: "string", default: "1,2" }, pairs: { type: "string", default: "9" }, statistics: { type: "string", default: "batch" }, target: { type: "string", default: "1" }, side: { type: "string" }, gradients: { type: "boolean" }, profile: { type: "string" },
} });

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** The inputs of an operator that are trained. */
const TRAINED: Readonly<Record<string, readonly number[]>> = { Conv: [1, 2], Gemm: [1, 2], MatMul: [0, 1], BatchNormalization: [1, 2] };

interface Task { network: Network; parameters: Parameter[]; batch: number; classes: number }

async function readTask(): Promise<Task> {
  if (!options.model) throw new Error("Give a model: --model MODEL");
  const { model, close } = await openModelFile(options.model), { name, shape } = dataInput(model), batch = Number(options.batch);
  const sizes = [batch, ...(shape ?? []).slice(1).map(Number)], network = await readNetwork(model, { name, dims: sizes }, [model.graph.outputs[0].name]);
  await close();
  const names = new Set(network.nodes.flatMap(({ op, inputs }) => (TRAINED[op] ?? []).map((i) => inputs[i])).filter((input) => network.constants.get(input)?.type === DataType.FLOAT));
  const parameters = [...names].map((parameter): Parameter => { const { dims } = network.constants.get(parameter)!; return { name: parameter, dims, order: dims.length === 4 ? TAPS : undefined }; });
  return { network, parameters, batch, classes: network.dims.get(network.outputs[0])![1] };
}

const waves = (count: number, seed: number, scale: number): Float32Array => { const random = new Random(seed, 1); return Float32Array.from({ length: count }, () => (random.next() - 0.5) * 2 * scale); };

/** Gratings of all directions: noise would look the same to a network sample by sample, and its gradients be rounding errors. */
function samplesOf({ network }: Task): Float32Array {
  const [n, c, height, width] = network.dims.get(network.input)!, random = new Random(1, 1), result = new Float32Array(n * c * height * width);
  for (let plane = 0, at = 0; plane < n * c; plane++) {
    const across = random.next() * 1.5, down = random.next() * 3 - 1.5, phase = random.next() * 6.3, mean = random.next() - 0.5;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result[at++] = mean + Math.sin(phase + across * x + down * y);
  }
  return result;
}

const teacherOf = ({ batch, classes }: Task): Float32Array => waves(batch * classes, 2, 4);

/** Bytes of this process by a key of Linux' status. */
const statusOf = (key: string): number => Number(new RegExp(`${key}:\\s*(\\d+)`).exec(readFileSync("/proc/self/status", "latin1"))?.[1]) * 1024;
const tell = (answer: Record<string, number>): void => { process.stdout.write(`${JSON.stringify(answer)}\n`); };

/** Our side, a process of its own: a step for every line that comes in. */
async function ours(folder: string): Promise<void> {
  const task = await readTask(), { network, parameters } = task, feeds: Record<string, ort.Tensor> = {}, optimizers = new Map<string, Momentum>();
  feeds[network.input] = new ort.Tensor("float32", samplesOf(task), network.dims.get(network.input));
  feeds[teacherInput(0)] = new ort.Tensor("float32", teacherOf(task), [task.batch, task.classes]);
  for (const parameter of parameters) {
    const { name, dims, order } = parameter, values = reordered(network.constants.get(name)!.data as Float32Array, parameter);
    feeds[name] = new ort.Tensor("float32", Float32Array.from(values), order ? order.map((axis) => dims[axis]) : dims);
    network.constants.delete(name);
  }
  const resident = statusOf("VmRSS");
  const isFixed = options.statistics === "fixed", step = buildStep(isFixed ? foldNormalizations(network) : network, { parameters, objective: { kind: "distillation", temperature: 1 }, mode: { statistics: isFixed ? "fixed" : "batch", layout: "pixels" } });
  if (options.profile) writeFileSync(`${options.profile}.onnx`, step.model);
  const threads = Number(options.threads), session = await ort.InferenceSession.create(step.model, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3, enableMemPattern: false, ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}) });
  for (const { name, dims } of parameters) optimizers.set(name, new Momentum(countOf(dims)));
  tell({ resident });
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line) continue;
    const started = performance.now(), before = process.cpuUsage(), results = await session.run(feeds);
    for (const { name } of parameters) optimizers.get(name)!.step(feeds[name].data as Float32Array, results[gradientOutput(name)].data as Float32Array, RATE);
    const wall = (performance.now() - started) / 1e3, { user, system } = process.cpuUsage(before);
    tell({ wall, cpu: (user + system) / 1e6, loss: (results[LOSS].data as Float32Array)[0], peak: statusOf("VmHWM") - resident });
    if (options.gradients) writeFileSync(path.join(folder, "gradients.ours"), Buffer.concat(parameters.map((parameter) => { const values = reordered(results[gradientOutput(parameter.name)].data as Float32Array, parameter, true); return Buffer.from(values.buffer, values.byteOffset, values.byteLength); })));
    release(Object.values(results).map(({ data }) => data as Float32Array));
  }
  if (options.profile) session.endProfiling();
}

interface Answer { wall: number; cpu: number; loss: number; peak: number }

/** A process that does a step when it is told to. */
class Side {
  private readonly child;
  private readonly lines: AsyncIterator<string>;

  constructor(readonly name: string, command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended.`);
    return JSON.parse(value) as Answer;
  }

  step(): Promise<Answer> {
    this.child.stdin.write("step\n");
    return this.answer();
  }

  end(): void { this.child.stdin.end(); }
}

/** The network in a form that needs no ONNX library to read. */
function writeNetwork(folder: string, task: Task): void {
  const { network, parameters } = task, parts: Uint8Array[] = [], tensors: { name: string; dims: readonly number[]; type: number; offset: number }[] = [];
  let offset = 0;
  const add = (name: string, { dims, type, data }: ConstantValue): void => {
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    tensors.push({ name, dims, type, offset });
    offset += data.byteLength;
  };
  for (const [name, value] of network.constants) add(name, value);
  add("samples", { dims: [...network.dims.get(network.input)!], type: DataType.FLOAT, data: samplesOf(task) });
  add("teacher", { dims: [task.batch, task.classes], type: DataType.FLOAT, data: teacherOf(task) });
  const nodes = network.nodes.map(({ op, inputs, outputs, attributes = {} }: NodeSpec) => ({ op, inputs, outputs, attributes }));
  writeFileSync(path.join(folder, "tensors.bin"), Buffer.concat(parts));
  writeFileSync(path.join(folder, "network.json"), JSON.stringify({ input: network.input, output: network.outputs[0], nodes, tensors, parameters: parameters.map(({ name }) => name), rate: RATE, batchStatistics: options.statistics !== "fixed" }));
}

/** Relative errors of the first step's gradients against those in double precision, tensor by tensor. */
function errorsOf(folder: string, { parameters }: Task, side: string): number[] {
  const read = (name: string) => new Float32Array(new Uint8Array(readFileSync(path.join(folder, `gradients.${name}`))).buffer), a = read(side), b = read(LAYOUTS[0]);
  let at = 0;
  return parameters.map(({ dims }) => {
    let difference = 0, energy = 0;
    for (const end = at + countOf(dims); at < end; at++) { difference += (a[at] - b[at]) ** 2; energy += b[at] ** 2; }
    return Math.sqrt(difference / energy);
  });
}

/** Both sides, waiting for their first step; PyTorch in either memory layout. */
async function sidesOf(threads: number, folder: string, ...more: string[]): Promise<Side[]> {
  const mine = new Side("our side", process.execPath, [process.argv[1], "--side", folder, "--model", options.model!, "--batch", options.batch, "--threads", String(threads), "--statistics", options.statistics, ...(options.profile ? ["--profile", options.profile] : []), ...more]);
  const sides = [mine, ...LAYOUTS.map((layout) => new Side(layout, PYTHON, ["-c", TORCH_STEP, folder, String(threads), layout, ...more]))];
  for (const side of sides) await side.answer();
  return sides;
}

async function compare(threads: number, folder: string, task: Task): Promise<boolean> {
  // what writing them takes is not to be part of any figure
  for (const side of await sidesOf(threads, folder, "--gradients")) {
    await side.step();
    side.end();
  }
  const sides = await sidesOf(threads, folder), [mine] = sides, runs = new Map(sides.map((side) => [side, [] as Answer[]]));
  // the first two warm up
  for (let i = 0; i < 2 + Number(options.pairs); i++) for (const side of i % 2 ? sides : [...sides].reverse()) {
    const answer = await side.step();
    if (i >= 2) runs.get(side)!.push(answer);
  }
  for (const side of sides) side.end();
  const times = (side: Side, key: "wall" | "cpu") => runs.get(side)!.map((answer) => answer[key]), middle = (side: Side, key: "wall" | "cpu") => median(times(side, key));
  const ratio = (key: "wall" | "cpu") => Math.max(...sides.slice(1).map((side) => median(times(mine, key).map((time, i) => time / times(side, key)[i]))));
  const peak = (side: Side) => runs.get(side)![runs.get(side)!.length - 1].peak, memory = peak(mine) / Math.min(...sides.slice(1).map(peak)), errors = errorsOf(folder, task, "ours"), worst = Math.max(...errors);
  // where PyTorch's own are worse than the target, the network itself makes them so
  const theirs = Math.max(...errorsOf(folder, task, LAYOUTS[1])), most = Math.max(ERROR_TARGET, theirs);
  const milliseconds = (side: Side) => `${side.name} ${(1e3 * middle(side, "wall")).toFixed(0)} (processor ${(1e3 * middle(side, "cpu")).toFixed(0)})`;
  console.log(`batch ${task.batch}, ${threads} thread${threads > 1 ? "s" : ""}: ${sides.map(milliseconds).join(", ")} ms a step`);
  console.log(`  ours ÷ the better of PyTorch's: ${ratio("wall").toFixed(3)} (target ≤ ${options.target}), processor time ${ratio("cpu").toFixed(3)}`);
  console.log(`  memory over resident weights: ${sides.map((side) => `${side.name} ${(peak(side) / 1e6).toFixed(0)}`).join(", ")} MB, ratio ${memory.toFixed(2)} (target ≤ ${MEMORY_TARGET})`);
  console.log(`  gradients' relative error against double precision: median ${median(errors).toExponential(1)}, worst ${worst.toExponential(1)} (target ≤ ${most.toExponential(1)}), PyTorch's own ${theirs.toExponential(1)}; last losses ${sides.map((side) => runs.get(side)![runs.get(side)!.length - 1].loss.toFixed(6)).join(", ")}`);
  return ratio("wall") <= Number(options.target) && memory <= MEMORY_TARGET && worst <= most;
}

async function main(): Promise<void> {
  if (options.side) return ours(options.side);
  if (spawnSync(PYTHON, ["-c", "import torch, numpy"]).status !== 0) {
    console.log("Debian's Python has no PyTorch (python3-torch), so there is nothing to compare with.");
    return;
  }
  const task = await readTask(), folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-step-"));
  try {
    writeNetwork(folder, task);
    for (const threads of options.threads.split(",").map(Number)) if (!await compare(threads, folder, task)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
