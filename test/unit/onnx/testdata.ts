import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The models of Debian's libonnx-testdata, which CI has to have. */
export function testdataModels(): string[] {
  const run = spawnSync("dpkg", ["-L", "libonnx-testdata"], { encoding: "utf8", maxBuffer: 1 << 26 });
  const models = run.status === 0 ? run.stdout.split("\n").filter((file) => file.endsWith(".onnx") && existsSync(file)) : [];
  if (!models.length && process.env.CI) throw new Error("CI needs Debian's package libonnx-testdata");
  return models;
}

export const nameOf = (file: string): string => path.basename(path.dirname(file));

/** TensorProto files beside a model. */
export function samples(file: string): { inputs: Uint8Array[]; outputs: Uint8Array[] } {
  const read = (kind: string) => {
    const tensors: Uint8Array[] = [];
    for (let i = 0; existsSync(path.join(path.dirname(file), "test_data_set_0", `${kind}_${i}.pb`)); i++) tensors.push(readFileSync(path.join(path.dirname(file), "test_data_set_0", `${kind}_${i}.pb`)));
    return tensors;
  };
  return { inputs: read("input"), outputs: read("output") };
}
