import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { compressModel } from "../src/compression/compress";
import { readRows } from "../src/compression/fit";
import { CAREFUL } from "../src/methods/codebook-fit";
import { rowScales } from "../src/methods/scale";
import { kernelSize, scaleRows } from "../src/methods/rows";
import { findLayers, type Layer } from "../src/onnx/layers";
import { assign, kMeans } from "../src/numeric/kmeans";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cacheFolder } from "./packages";
import { pythonWith } from "./python";

/**
 * Time of a whole `compress` without data, 256 codewords for every 3×3 layer ÷ scikit-learn's KMeans on the same float32 rows (Lloyd, 25 iterations, n_init 1, two threads),
 * and the distortion of both. scikit-learn comes from PyPI into a virtual environment in the user's cache; without it the benchmark says so and ends.
 * npm run bench:kmeans -- MODEL
 */
const WORDS = 256, THREADS = 2, SKLEARN = "scikit-learn==1.5.2";
const work = path.join(cacheFolder, "kmeans");

const PROGRAM = `
import sys, time, json, numpy as np
from sklearn.cluster import KMeans
out = []
for file in sys.argv[1:]:
    x = np.fromfile(file, np.float32).reshape(-1, 9)
    start = time.time()
    fit = KMeans(${WORDS}, init="k-means++", n_init=1, max_iter=25, tol=0, algorithm="lloyd", random_state=1).fit(x)
    out.append((time.time() - start, float(((x - fit.cluster_centers_[fit.labels_]) ** 2).sum())))
print(json.dumps(out))
`;

async function main(): Promise<void> {
  const [file] = process.argv.slice(2);
  if (!file) throw new Error("Give a model.");
  const model = path.resolve(file), opened = await openModelFile(model);
  const layers = findLayers(opened.model).filter((layer) => layer.blocked === undefined && kernelSize(layer) === 9 && layer.parameters / 9 >= 2 * WORDS);
  mkdirSync(work, { recursive: true });
  const python = pythonWith(work, [SKLEARN], ["sklearn"]);
  if (!python) { console.log("Skipped: scikit-learn could not be installed."); return; }
  const units = async (layer: Layer) => {
    const rows = await readRows(opened.model, layer);
    return scaleRows(rows.values, rowScales(rows.values, rows.inputs), -1);
  };
  const files: string[] = [], ours: number[] = [];
  for (const [i, layer] of layers.entries()) {
    const points = await units(layer);
    files.push(path.join(work, `${i}.f32`));
    writeFileSync(files[i], new Uint8Array(points.buffer, points.byteOffset, points.byteLength));
    // as a compression without data clusters them
    ours.push(assign(points, 9, kMeans(points, 9, { words: WORDS, seed: 1, ...CAREFUL }).codebook).distortion);
  }
  const recipe = path.join(work, "recipe.kernelscope.json");
  const pins = Object.fromEntries(layers.map(({ id }) => [id, { method: "kernel", options: { block: 9, words: WORDS } }]));
  writeFileSync(recipe, JSON.stringify({ layers: pins }));
  const compress = async (): Promise<number> => {
    const host = await nodeHost({ threads: THREADS, scripts: path.resolve("dist"), checkpoint: path.join(work, "jobs") });
    const start = performance.now();
    await compressModel({ model, recipe, output: path.join(work, "out.onnx"), threads: THREADS, force: true }, host);
    const seconds = (performance.now() - start) / 1000;
    await host.close();
    return seconds;
  };
  const first = await compress();
  const theirs: unknown = JSON.parse(execFileSync(python, ["-c", PROGRAM, ...files], { encoding: "utf8", env: { ...process.env, OMP_NUM_THREADS: String(THREADS), OPENBLAS_NUM_THREADS: String(THREADS) } }));
  const second = await compress(), own = (first + second) / 2;
  if (!Array.isArray(theirs)) throw new Error("no result");
  const results = theirs as [number, number][], seconds = results.reduce((sum, [time]) => sum + time, 0);
  console.log(`${layers.length} layers, ${layers.reduce((sum, { parameters }) => sum + parameters / 9, 0).toLocaleString("en")} kernels, ${WORDS} codewords each, ${THREADS} threads`);
  console.log(`compress, everything included: ${first.toFixed(1)} and ${second.toFixed(1)} s; scikit-learn between them: ${seconds.toFixed(1)} s; ratio ${(own / seconds).toFixed(2)}`);
  console.log(`distortion before rounding, ours ÷ scikit-learn's: ${(ours.reduce((a, b) => a + b, 0) / results.reduce((sum, [, distortion]) => sum + distortion, 0)).toFixed(4)}`);
  await opened.close();
  for (const name of [...files, recipe, path.join(work, "out.onnx")]) rmSync(name, { force: true });
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
