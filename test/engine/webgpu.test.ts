import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bundle } from "../helpers/bundle";
import { TRAINED } from "../helpers/trained";

/** Chromium brings SwiftShader, a Vulkan driver in software: the GPU's code path on a machine without one. */
const driver = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/usr/lib64/chromium"].map((folder) => path.join(folder, "vk_swiftshader_icd.json")).find((file) => existsSync(file));
const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-webgpu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a script of this folder prints, run with SwiftShader as the only GPU. */
function onSwiftShader(name: string, ...args: string[]): unknown {
  const { stdout, stderr, status } = spawnSync(process.execPath, [bundle(name), ...args], { encoding: "utf8", env: withSwiftShader() });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** An environment in which SwiftShader is a GPU. @param others files of further drivers */
function withSwiftShader(...others: string[]): NodeJS.ProcessEnv {
  const icd: unknown = JSON.parse(readFileSync(driver!, "utf8")), file = path.join(folder, "icd.json");
  if (typeof icd !== "object" || icd === null || !("ICD" in icd) || typeof icd.ICD !== "object") throw new Error(`${driver} has another form than expected.`);
  writeFileSync(file, JSON.stringify({ ...icd, ICD: { ...icd.ICD, library_path: path.join(path.dirname(driver!), "libvk_swiftshader.so") } }));
  // Chromium has Vulkan's loader beside the driver; it is found through the library path where the system has none
  return { ...process.env, VK_ICD_FILENAMES: [file, ...others].join(":"), LD_LIBRARY_PATH: `${process.env.LD_LIBRARY_PATH ?? ""}:${path.dirname(driver!)}` };
}

describe.skipIf(!driver)("WebGPU over SwiftShader", () => {
  test("agrees with the CPU", () => {
    const found = onSwiftShader("webgpu-child", "samples/fashion-cnn.onnx", "samples/fashion-mnist", "32");
    expect(found).toMatchObject({ device: "webgpu" });
    const { difference, agreement } = found as { difference: number; agreement: number };
    expect(difference).toBeLessThan(1e-3);
    expect(agreement).toBeGreaterThanOrEqual(0.999);
  });

  test.each([["with shortcuts", "samples/resnet20-cifar10.onnx", 59], ["without", TRAINED.model, 20]])("gives the gradients of a training step of a network %s", (_name, model, tensors) => {
    const found = onSwiftShader("step-child", model, "2") as { worst: number; tensors: number; seconds: object };
    console.log(found.seconds);
    expect(found.tensors).toBe(tensors);
    expect(found.worst).toBeLessThan(1e-3);
  });
});

/** Mesa's driver in software, which WebGPU has something to say about. */
const software = ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/share/vulkan/icd.d/lvp_icd.json"].find((file) => existsSync(file));

test.skipIf(!software)("where WebGPU finds no GPU, one sentence says so, and nothing of what drivers write comes out", () => {
  const env = { ...process.env, VK_ICD_FILENAMES: software, VK_DRIVER_FILES: software };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", "evaluate", TRAINED.model, "--data", TRAINED.data, "--limit", "64", "--device", "webgpu", "--quiet"], { encoding: "utf8", env });
  if (status === 0) return; // it is taken for one
  expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: "", stderr: "This model cannot run on webgpu: there is no such device, or onnxruntime has no support for it here. Choose auto or cpu.\n" });
});

test.skipIf(!software || !driver)("nor does anything where it finds one beside that driver", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", "evaluate", TRAINED.model, "--data", TRAINED.data, "--limit", "32", "--device", "webgpu", "--quiet"], { encoding: "utf8", env: withSwiftShader(software!) });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/ on webgpu\.\n/);
});
