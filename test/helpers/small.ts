import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { Random } from "../../src/numeric/random";
import { npy } from "./npy";

const SIZE = 12, IMAGES = 224;

/**
 * A residual network that nobody has trained, and images of noise, in a folder: for tests of what a job does rather than of how well, many times in a row.
 * @returns the request's model, images and a recipe that leaves nothing to plan
 */
export function smallJob(folder: string): { model: string; data: string; recipe: string } {
  const shape = [3, SIZE, SIZE], network = NETWORKS.resnet8({ shape, classes: 10, seed: 4 }), random = new Random(11), model = path.join(folder, "small.onnx"), data = path.join(folder, "noise"), recipe = path.join(folder, "small.kernelscope.json");
  mkdirSync(data);
  writeFileSync(model, encodeClassifier(network));
  writeFileSync(path.join(data, "images.npy"), npy([IMAGES, SIZE, SIZE, 3], Uint8Array.from({ length: IMAGES * SIZE * SIZE * 3 }, () => random.below(256))));
  const kernels = [...network.weights].filter(([, { dims: [, inputs = 0, height] }]) => height === 3 && inputs > 3);
  writeFileSync(recipe, JSON.stringify({ target: "40KB", data: { limit: 48 }, layers: Object.fromEntries(kernels.map(([name]) => [name, { method: "kernel", options: { block: 9, words: 16 } }])) }));
  return { model, data, recipe };
}
