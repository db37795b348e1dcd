import { openDataset } from "../../src/evaluation/dataset";
import { batchSize, dataInput, readBatches } from "../../src/evaluation/evaluate";
import { argMax } from "../../src/evaluation/metrics";
import { largestDifference } from "../../src/runtime/devices";
import { nodeRuntime, openData } from "../../src/runtime/node";
import { openModelFile } from "../../src/worker/host";

/** Runs a model on samples of a data set on the CPU and on WebGPU, and prints how they compare. */
const [model, data, count] = process.argv.slice(2);

async function main(): Promise<void> {
  const opened = await openModelFile(model), input = dataInput(opened.model), dataset = await openDataset(await openData(data), input);
  const batches = await readBatches(dataset, Array.from({ length: Number(count) }, (_, i) => i), batchSize(input, 64));
  const cpu = await nodeRuntime.open(model), gpu = await nodeRuntime.open(model, { device: "webgpu" });
  let difference = 0, agreed = 0;
  for (const batch of batches) {
    const a = await cpu.run({ [input.name]: batch }), b = await gpu.run({ [input.name]: batch });
    difference = Math.max(difference, largestDifference(a, b));
    const [name] = cpu.outputNames, classes = a[name].dims[1];
    for (let i = 0; i < batch.dims[0]; i++) if (argMax(a[name].data.subarray(i * classes, (i + 1) * classes)) === argMax(b[name].data.subarray(i * classes, (i + 1) * classes))) agreed++;
  }
  console.log(JSON.stringify({ device: gpu.device, difference, agreement: agreed / Number(count) }));
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
