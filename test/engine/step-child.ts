import { Random } from "../../src/numeric/random";
import { dataInput } from "../../src/evaluation/evaluate";
import { nodeRuntime } from "../../src/runtime/node";
import type { Tensor } from "../../src/runtime/runtime";
import { readNetwork } from "../../src/training/network";
import { teacherInput } from "../../src/training/objective";
import { buildStep, gradientOutput, LOSS } from "../../src/training/step";
import { openModelFile } from "../../src/worker/host";

/** A training step of a model on the CPU and on WebGPU: prints how far their gradients are apart, and the seconds of a step on both. */
const [file, batch, device = "webgpu", times = "1"] = process.argv.slice(2), runs = Number(times), TRAINED: Readonly<Record<string, readonly number[]>> = { Conv: [1, 2], Gemm: [1, 2], BatchNormalization: [1, 2] };

async function main(): Promise<void> {
  const { model } = await openModelFile(file), { name, shape } = dataInput(model), dims = [Number(batch), ...shape.slice(1).map(Number)];
  const trained = [...new Set(model.graph.nodes.flatMap(({ op, inputs }) => (TRAINED[op] ?? []).map((i) => inputs[i])))].filter((input) => model.graph.initializers.has(input));
  const network = await readNetwork(model, { name, dims }, [model.graph.outputs[0].name], trained), parameters = trained.map((one) => ({ name: one, dims: network.dims.get(one)! }));
  const random = new Random(1, 7), values = (count: number) => Float32Array.from({ length: count }, () => 2 * random.next() - 1), classes = network.dims.get(network.outputs[0])![1];
  const feeds: Record<string, Tensor> = { [name]: { dims, data: values(dims.reduce((a, b) => a * b, 1)) }, [teacherInput(0)]: { dims: [dims[0], classes], data: values(dims[0] * classes) } };
  for (const { name: one, dims: size } of parameters) feeds[one] = { dims: size, data: network.constants.get(one)!.data as Float32Array };
  const run = async (on: "cpu" | "webgpu" | "cuda", layout: "plain" | "pixels") => {
    const { model: step, tuned } = buildStep(network, { parameters, objective: { kind: "distillation", temperature: 4 }, mode: { statistics: "fixed", layout } });
    const session = await nodeRuntime.open(step, { device: on, isTraining: true });
    let results = await session.run(feeds);
    const start = performance.now();
    for (let i = 0; i < runs; i++) results = await session.run(feeds);
    const seconds = (performance.now() - start) / 1000 / runs, gradients = tuned.map((one) => results[gradientOutput(one)].data);
    await session.release();
    return { seconds, gradients, loss: results[LOSS].data[0] };
  };
  const cpu = await run("cpu", "pixels"), gpu = await run(device as "webgpu" | "cuda", "plain");
  const errors = cpu.gradients.map((a, i) => {
    const b = gpu.gradients[i];
    let difference = 0, energy = 0;
    for (let j = 0; j < a.length; j++) { difference += (a[j] - b[j]) ** 2; energy += a[j] ** 2; }
    return Math.sqrt(difference / (energy || 1));
  }).sort((a, b) => a - b);
  console.log(JSON.stringify({ device, tensors: errors.length, median: errors[errors.length >> 1], worst: errors.at(-1), losses: [cpu.loss, gpu.loss], seconds: { cpu: cpu.seconds, [device]: gpu.seconds } }));
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
