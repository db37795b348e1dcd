import * as path from "node:path";
import { parseArgs } from "node:util";
import { openDataset } from "../src/evaluation/dataset";
import { batchSize, dataInput, readBatches } from "../src/evaluation/evaluate";
import { readIntegers } from "../src/evaluation/integer/read";
import { IntegerExecutor } from "../src/evaluation/integer/run";
import { nodeHost, openModelFile } from "../src/worker/host";
import { preprocessOf } from "../src/compression/data";
import { checkSteps, type StepCheck } from "./integer-steps";

/**
 * The integer executor against onnxruntime on the same integer inputs, step by step, and from end to end; and the time that both take.
 * npm run bench:integers -- --model MODEL --data DIR [--preprocess FILE] [--images 64] [--threads 1]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, data: { type: "string" }, preprocess: { type: "string" }, images: { type: "string", default: "64" }, batch: { type: "string", default: "16" } } });

async function main(): Promise<void> {
  if (!values.model || !values.data) throw new Error("Give --model and --data.");
  const host = await nodeHost({ threads: 1 }), { model } = await openModelFile(path.resolve(values.model)), input = dataInput(model);
  const dataset = await openDataset(await host.openData(path.resolve(values.data)), input, ...await preprocessOf({ preprocess: values.preprocess, model: path.resolve(values.model) }, undefined, host));
  const count = Math.min(Number(values.images), dataset.size), positions = Array.from({ length: count }, (_, i) => Math.floor(i * dataset.size / count)), batches = await readBatches(dataset, positions, batchSize(input, Number(values.batch)));
  const program = await readIntegers(model), executor = await IntegerExecutor.open(program, model, host.runtime);
  const kinds = new Map<string, number>();
  for (const { operation: { kind } } of program.steps) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  console.log([...kinds].map(([kind, n]) => `${n} ${kind}`).join(", "));
  const { checks } = await checkSteps(model, batches[0], host.runtime), isWhole = ({ step: { operation } }: StepCheck) => operation.kind !== "linear" || operation.multipliers !== undefined;
  for (const { step: { operation: { kind }, node }, worst, differing, sums } of checks) {
    console.log(`${kind.padEnd(12)} ${(node?.name ?? "").slice(-40).padEnd(41)} worst ${worst.toFixed(worst % 1 ? 6 : 0)}  ${(100 * differing).toFixed(3)} % differ${sums ? `, ${sums.differing} of ${sums.sums} sums differ` : ""}`);
  }
  const summed = checks.flatMap(({ sums }) => sums ?? []), worst = Math.max(...checks.filter(isWhole).map((check) => check.worst));
  const session = await host.runtime.open(path.resolve(values.model), { threads: 1, device: "cpu" });
  let own = 0, theirs = 0, same = 0, all = 0;
  for (const batch of batches) {
    let start = performance.now();
    const a = await executor.follow(batch);
    own += performance.now() - start;
    start = performance.now();
    const b = await session.run({ [input.name]: batch });
    theirs += performance.now() - start;
    const [name] = program.outputs, classes = b[name].dims[b[name].dims.length - 1], rows = b[name].data.length / classes;
    for (let i = 0; i < rows; i++, all++) if (best(a[name].data, i, classes) === best(b[name].data, i, classes)) same++;
  }
  console.log(`top-1 of executor and onnxruntime agree on ${same} of ${all}; executor ÷ onnxruntime's time ${(own / theirs).toFixed(2)} (${own.toFixed(0)} and ${theirs.toFixed(0)} ms, one thread)`);
  console.log(JSON.stringify({ bench: "integers", model: path.basename(values.model), steps: checks.length, layers: summed.length, sums: summed.reduce((all, { sums }) => all + sums, 0), differing: summed.reduce((all, { differing }) => all + differing, 0), worst, images: count, rows: all, same, own, theirs, ratio: own / theirs }));
  await session.release();
  await executor.release();
  await host.close();
}

const best = (data: Float32Array, row: number, classes: number): number => {
  let at = 0;
  for (let i = 1; i < classes; i++) if (data[row * classes + i] > data[row * classes + at]) at = i;
  return at;
};

void main();
