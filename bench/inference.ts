import { existsSync } from "node:fs";
import { nodeRuntime } from "../src/runtime/node";
import type { Session } from "../src/runtime/runtime";

/**
 * Inference and load time of a compressed model ÷ the original's, in alternating runs of one process.
 * npm run bench:inference -- ORIGINAL COMPRESSED
 */
const [original, compressed] = process.argv.slice(2);
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Median ratio of b's time to a's over pairs that run one after the other. */
async function ratio(pairs: number, a: () => Promise<unknown>, b: () => Promise<unknown>): Promise<number> {
  await a();
  await b();
  const ratios: number[] = [];
  for (let i = 0; i < pairs; i++) {
    const first = i % 2 ? await time(b) : await time(a), second = i % 2 ? await time(a) : await time(b);
    ratios.push(i % 2 ? first / second : second / first);
  }
  return median(ratios);
}

async function main(): Promise<void> {
  if (!original || !compressed || !existsSync(original) || !existsSync(compressed)) throw new Error("Give two models: the original and the compressed one.");
  const open = (model: string): Promise<Session> => nodeRuntime.open(model);
  const load = await ratio(15, async () => (await open(original)).release(), async () => (await open(compressed)).release());
  console.log(`load time, compressed ÷ original: ${load.toFixed(2)}`);
  const a = await open(original), b = await open(compressed), [input] = a.inputNames;
  const shape = process.argv[4]?.split("x").map(Number) ?? [3, 32, 32];
  for (const batch of [1, 16]) {
    const data = Float32Array.from({ length: batch * shape.reduce((x, y) => x * y, 1) }, (_, i) => Math.sin(i * 0.37));
    const feed = { [input]: { dims: [batch, ...shape], data } };
    console.log(`inference time at batch ${batch}, compressed ÷ original: ${(await ratio(201, () => a.run(feed), () => b.run(feed))).toFixed(3)}`);
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
