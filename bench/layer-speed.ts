import os from "node:os";
import { parseArgs } from "node:util";
import { fasterFrom, timeLayer } from "../src/compression/layer-speed";
import type { WaveletFacts } from "../src/protocol/report";
import { nodeRuntime } from "../src/runtime/node";
import { Cells } from "./cells";

/**
 * Run time of linear layers by wavelet transforms, compressed ÷ dense, in pairs of runs on the CPU, and the width from which square ones are faster.
 * Targets at 4096 × 4096 with filters of 6 taps: ≤ 0.2 for one sample, ≤ 0.6 for 64.
 * npm run bench:layer-speed -- [--widths 256,1024,4096] [--length 6] [--levels 5] [--summed 1] [--threads N] [--rounds 3] [--results bench/results/wavelets.jsonl]
 */
const { values } = parseArgs({ options: {
  widths: { type: "string", default: "256,512,1024,2048,4096" }, length: { type: "string", default: "6" }, levels: { type: "string", default: "5" }, summed: { type: "string", default: "1" },
  threads: { type: "string", default: String(os.availableParallelism()) }, rounds: { type: "string", default: "3" }, results: { type: "string" },
} });

interface Timing { dense: number; compressed: number; ratio: number; interval: [number, number] }
const isTiming = (value: object): value is Timing => "ratio" in value && "dense" in value;
const TARGETS: Record<number, number> = { 1: 0.2, 64: 0.6 }, TARGET_WIDTH = 4096;

async function main(): Promise<void> {
  const threads = Number(values.threads), kind = { length: Number(values.length), levels: Number(values.levels), summed: Number(values.summed) }, facts: WaveletFacts = { ...kind, parameters: 0, filters: [], reconstructionError: 0 }, cells = new Cells(values.results, isTiming);
  let missed = false;
  console.log(`${kind.length} taps, ${kind.levels} levels, ${kind.summed} summed, ${threads} threads; the median of ${values.rounds} rounds of paired runs\n  width  samples   dense ms  compressed ms   compressed ÷ dense (95 %)`);
  for (const width of values.widths.split(",").map(Number)) for (const batch of [1, 64]) {
    const { dense, compressed, ratio, interval } = await cells.get({ what: "layer speed", width, batch, ...kind, threads, cpu: os.cpus()[0].model }, async () => {
      const rounds: Timing[] = [];
      for (let round = 0; round < Number(values.rounds); round++) {
        const times = await timeLayer(facts, "wavelet", width, width, { runtime: nodeRuntime, threads, batch });
        if (!times) throw new Error(`A layer of ${width} × ${width} is too small for this.`);
        rounds.push({ dense: times.before, compressed: times.after, ratio: times.ratio, interval: times.interval });
      }
      return rounds.sort((a, b) => a.ratio - b.ratio)[rounds.length >> 1];
    });
    const target = width === TARGET_WIDTH && kind.length === 6 ? TARGETS[batch] : undefined;
    missed ||= target !== undefined && ratio > target;
    console.log(`${String(width).padStart(7)}${String(batch).padStart(9)}${dense.toFixed(3).padStart(11)}${compressed.toFixed(3).padStart(15)}   ${ratio.toFixed(3)} (${interval[0].toFixed(3)} to ${interval[1].toFixed(3)})${target === undefined ? "" : `   target ≤ ${target}`}`);
  }
  for (const batch of [1, 64]) {
    const from = await fasterFrom(facts, "wavelet", { runtime: nodeRuntime, threads, batch });
    console.log(`for ${batch === 1 ? "one sample" : `${batch} samples`} ${from === undefined ? "no width that was tried is faster" : `faster from ${from} × ${from} on`}`);
  }
  if (missed) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
