import { mkdirSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { readyForIntegers } from "../src/compression/integer/ready";
import { affineOf } from "../src/evaluation/integer/normalization";
import { readIntegers } from "../src/evaluation/integer/read";
import { exactAffine } from "../src/numeric/fixed-affine";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { cacheFolder } from "./packages";
import { writeDataset } from "./source";

/**
 * Batch normalization in fixed point, as a file has it: for every channel of every normalization that cannot be folded, and all 256 inputs, (A·q + B) >> k against exact arithmetic of the float32 slope and offset, rounded to even.
 * npm run bench:normalizations -- --model MODEL [--images 1000] [--threads 1]
 */
const { values } = parseArgs({ options: { model: { type: "string" }, images: { type: "string", default: "1000" }, threads: { type: "string", default: "1" } } });
const LEVELS = 256, BITS = 16;

const clamped = (v: number): number => Math.max(0, Math.min(LEVELS - 1, v));

async function main(): Promise<void> {
  if (!values.model) throw new Error("Give a model: --model PATH.");
  const work = path.join(cacheFolder, "normalizations"), threads = Number(values.threads), output = path.join(work, "integers.onnx"), recipe = path.join(work, "fixed.kernelscope.json");
  mkdirSync(work, { recursive: true });
  writeFileSync(recipe, JSON.stringify({ inference: "integer", integers: { normalizations: "fixedPoint" } }));
  const evalData = writeDataset(work, "cifar10-test", cifar10, await cifar10.test()), data = writeDataset(work, `cifar10-${values.images}`, cifar10, await cifar10.train(Number(values.images)));
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs") }), model = path.resolve(values.model);
  try {
    const { fidelity, integers } = await compressModel({ model, recipe, data, evalData, output, threads, force: true, device: "cpu" }, host), opened = [await openModelFile(model), await openModelFile(output)];
    const { model: ready } = await readyForIntegers(opened[0].model), { steps, grids } = await readIntegers(opened[1].model), originals = ready.graph.nodes.filter(({ op }) => op === "BatchNormalization");
    let channels = 0, checked = 0, wrong = 0, bits = 0, shift = 0, normalizations = 0;
    for (const { operation, node, inputs: [x], outputs: [y] } of steps) {
      if (operation.kind !== "affine") continue;
      const original = originals.find(({ name }) => name === node?.name), map = original && await affineOf(ready, original), from = grids.get(x), to = grids.get(y);
      if (!map || !from || !to) throw new Error(`${node?.name ?? y} is not found again.`);
      normalizations++;
      for (const [m, { a, b, shift: k }] of operation.channels.entries()) {
        const exact = exactAffine(map.a[m] * from.scale / to.scale, (map.b[m] - map.a[m] * from.scale * from.zero) / to.scale + to.zero);
        channels++;
        bits = Math.max(bits, 1 + Math.ceil(Math.log2(Math.abs(a) + 1)));
        shift = Math.max(shift, k);
        for (let q = 0; q < LEVELS; q++, checked++) if (clamped(Math.floor((a * q + b) / 2 ** k)) !== clamped(exact(q))) wrong++;
      }
    }
    for (const { close } of opened) await close();
    const left = integers!.floats.filter(({ op }) => op === "BatchNormalization").length, { reference, compressed } = fidelity!;
    console.log(`${normalizations} normalizations of ${originals.length} in fixed point, ${left} left to floats; ${channels} channels, ${checked.toLocaleString("en")} inputs: ${wrong} outputs wrong (target 0); A of ${bits} bits at most (target ≤ ${BITS}), shifts up to ${shift}; top-1 ${(100 * reference.top1!).toFixed(2)} % → ${(100 * compressed.top1!).toFixed(2)} %`);
    console.log(JSON.stringify({ bench: "normalizations", model: path.basename(model), normalizations, left, channels, checked, wrong, bits, shift, floats: 100 * reference.top1!, integers: 100 * compressed.top1! }));
    if (wrong || left || bits > BITS || normalizations !== originals.length) process.exitCode = 1;
  } finally {
    await host.close();
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
