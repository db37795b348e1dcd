import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { mergeRecipe } from "../src/compression/goal";
import { sweepOf } from "../src/compression/sweep";
import { formatBytes } from "../src/protocol/sizes";
import { nodeHost } from "../src/worker/host";
import { cifar10 } from "./cifar10";
import { mnist } from "./mnist";
import { encodeClassifier, NETWORKS } from "./networks";

/**
 * How near files come to the size that was asked for: ten sizes from nearly the smallest to 8 bits a weight, without images, for models that are given and two that are
 * made here, of linear layers and of depthwise convolutions (untrained: sizes do not depend on values).
 * Target: never above, and 97 % of it at least unless no single change of a layer fits.
 * npm run bench:targets -- [--models resnet18.onnx,resnet20.onnx] [--sizes 10]
 */
const { values } = parseArgs({ options: { models: { type: "string", default: "" }, sizes: { type: "string", default: "10" }, threads: { type: "string" } } });

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-targets-")), threads = values.threads === undefined ? undefined : Number(values.threads);
  const made = ([["mlp", mnist], ["mobilenet-small", cifar10]] as const).map(([name, { shape, classes }]) => {
    const file = path.join(folder, `${name}.onnx`);
    writeFileSync(file, encodeClassifier(NETWORKS[name]({ shape, classes: classes.length, seed: 1 })));
    return file;
  });
  const host = await nodeHost({ threads, scripts: path.resolve("dist"), checkpoint: path.join(folder, "jobs"), ratings: path.join(folder, "ratings") });
  try {
    for (const model of [...values.models.split(",").filter(Boolean).map((file) => path.resolve(file)), ...made]) {
      const request = { model, threads }, opened = await host.openModel(model), { targets } = await sweepOf(await mergeRecipe(request, host), opened, host, Number(values.sizes)).finally(() => opened.close());
      const shares: number[] = [];
      for (const target of targets) {
        const { output: { bytes } } = await compressModel({ ...request, target: `${target}B`, output: path.join(folder, "out.onnx"), force: true }, host);
        shares.push(bytes / target);
      }
      console.log(`${path.basename(model).padEnd(24)} ${formatBytes(targets[0])} to ${formatBytes(targets[targets.length - 1])}: written ÷ target ${shares.map((share) => share.toFixed(4)).join(" ")}; least ${Math.min(...shares).toFixed(4)}, most ${Math.max(...shares).toFixed(4)}`);
    }
  } finally {
    await host.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
