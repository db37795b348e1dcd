import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { trainClassifier } from "../../bench/classifier";
import { Examples } from "../../bench/examples";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { writeDataset } from "../../bench/source";
import { nodeRuntime } from "../../src/runtime/node";

/** Where it is trained: each suite has it in its own folder, as both may run at once. */
const FOLDER = path.resolve(process.env.KERNELSCOPE_TRAINED ?? ".cache/engine");

/**
 * The bundled sample made small, for whole jobs that need a network which knows something: the same layers with half the channels, trained on the sample's images at half their size.
 * A step of a training takes a tenth of the sample's time.
 */
export const TRAINED = { model: path.join(FOLDER, "trained.onnx"), data: path.join(FOLDER, "half-size") };

/** Its convolutions of 3×3 but for the first. */
export const KERNELS = [3, 7, 10, 14, 17].map((module) => `features.${module}.weight`);
/** Its linear layer. */
export const LINEAR = "classifier.weight";

const SIDE = 14, EPOCHS = 16, BATCH = 50;

/** Trains it for all files of tests: 4 s on one core. */
export default async function train(): Promise<void> {
  const sample = path.resolve("samples/fashion-mnist"), { classes, mean, std } = JSON.parse(readFileSync(path.join(sample, "dataset.json"), "utf8")) as { classes: string[]; mean: number[]; std: number[] };
  const labels = contentOf(path.join(sample, "labels.npy")), images = halved(contentOf(path.join(sample, "images.npy"))), shape = [1, SIDE, SIDE];
  mkdirSync(path.dirname(TRAINED.data), { recursive: true });
  writeDataset(path.dirname(TRAINED.data), path.basename(TRAINED.data), { shape, classes, channels: "gray", mean, deviation: std }, { images, labels });
  const examples = new Examples({ images, labels, shape, classes: classes.length, mean, deviation: std });
  const { result } = await trainClassifier({
    runtime: nodeRuntime, threads: 1, classifier: NETWORKS["vgg-tiny"]({ shape, classes: classes.length, seed: 3 }), examples, tests: examples, length: { steps: EPOCHS * labels.length / BATCH },
    settings: { batch: BATCH, rate: 0.1, decay: 5e-4, smoothing: 0, augmentation: { flip: true, shift: 1 }, seed: 1 },
  });
  writeFileSync(TRAINED.model, encodeClassifier(result!.classifier));
}

/** The bytes behind the header of a NumPy file of version 1. */
function contentOf(file: string): Uint8Array {
  const bytes = readFileSync(file);
  return Uint8Array.from(bytes.subarray(10 + bytes.readUInt16LE(8)));
}

/** Means of two by two pixels of square images of 28. */
function halved(images: Uint8Array): Uint8Array {
  const width = 2 * SIDE;
  return Uint8Array.from({ length: images.length / 4 }, (_, i) => {
    const x = i % SIDE, row = (i - x) / SIDE, at = 2 * row * width + 2 * x;
    return (images[at] + images[at + 1] + images[at + width] + images[at + width + 1]) >> 2;
  });
}
