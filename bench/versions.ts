import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { cacheFolder } from "./packages";

/**
 * Whether compressed samples run on other onnxruntimes and agree with the bundled one: the oldest that is promised, and the newest.
 * npm run bench:versions -- [VERSIONS, like 1.17.3 latest]
 */
const VERSIONS = ["1.17.3", "latest"], LAYOUTS = ["bits", "bytes"];
const SAMPLES = [{ model: "samples/fashion-cnn.onnx", dims: [4, 1, 28, 28] }, { model: "samples/resnet20-cifar10.onnx", dims: [4, 3, 32, 32] }];
/** Different kernels round differently; a wrong weight is off by far more. */
const TOLERANCE = 1e-3;

const npm = (args: string[], cwd = process.cwd()): string =>
  execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], shell: process.platform === "win32", env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" } }).trim();

/** A folder in the cache where this version of onnxruntime-node is installed. */
function install(wanted: string): { folder: string; version: string } {
  const version = npm(["view", `onnxruntime-node@${wanted}`, "version"]).replace(/['"]/g, ""), folder = path.join(cacheFolder, `onnxruntime-node-${version}`);
  if (existsSync(folder)) return { folder, version };
  mkdirSync(cacheFolder, { recursive: true });
  const working = mkdtempSync(path.join(cacheFolder, "fetching-"));
  try {
    console.error(`Installing onnxruntime-node ${version} into ${folder}, once.`);
    writeFileSync(path.join(working, "package.json"), "{}");
    npm(["install", `onnxruntime-node@${version}`, "--ignore-scripts", "--no-audit", "--no-fund"], working);
    renameSync(working, folder);
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
  return { folder, version };
}

/** Outputs of a model on the same input every time, computed by the onnxruntime-node of this version that is installed in a folder, in a process of its own. */
function outputsOf({ folder, version }: { folder: string; version: string }, model: string, dims: readonly number[]): Float32Array {
  const script = `
const home = ${JSON.stringify(path.join(folder, "node_modules", "onnxruntime-node"))}, ort = require(home);
if (require(home + "/package.json").version !== "${version}") throw new Error("another version");
(async () => {
  const session = await ort.InferenceSession.create(${JSON.stringify(path.resolve(model))}, { logSeverityLevel: 3 }), dims = ${JSON.stringify(dims)};
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37));
  const result = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, dims) });
  process.stdout.write(JSON.stringify(Array.from(result[session.outputNames[0]].data)));
})();`;
  return Float32Array.from(JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" })) as number[]);
}

const difference = (a: Float32Array, b: Float32Array): number => (a.length === b.length ? a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0) : Infinity);

function main(): void {
  const wanted = process.argv.slice(2), versions = (wanted.length ? wanted : VERSIONS).map(install), folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-versions-"));
  const { version: bundled } = JSON.parse(readFileSync("node_modules/onnxruntime-node/package.json", "utf8")) as { version: string };
  try {
    for (const { model, dims } of SAMPLES) for (const layout of LAYOUTS) {
      const small = path.join(folder, `${layout}-${path.basename(model)}`);
      execFileSync(process.execPath, ["dist/cli.js", "compress", model, "-o", small, "--bits", "4", "--layout", layout, "--quiet", "--checkpoint", path.join(folder, "jobs")]);
      const expected = outputsOf({ folder: process.cwd(), version: bundled }, small, dims), peak = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      for (const installed of versions) {
        const { version } = installed, most = difference(outputsOf(installed, small, dims), expected), good = most <= TOLERANCE * peak;
        console.log(`${path.basename(model)}, layout ${layout}: onnxruntime ${version} and ${bundled} differ by at most ${most.toExponential(1)} where outputs reach ${peak.toFixed(1)}${good ? "" : ": TOO MUCH"}`);
        if (!good) process.exitCode = 1;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
