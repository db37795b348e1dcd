import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { viewer } from "../../../src/worker/viewer";
import { floats, modelBytes, value, wave } from "../onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-open-sizes-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function factsOf(name: string, shape: (number | string)[], preprocess?: object) {
  const file = path.join(folder, `${name}.onnx`), view = viewer();
  writeFileSync(file, modelBytes({ inputs: [value("x", shape)], outputs: [value("y")], nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["a"], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } }, { op: "Conv", inputs: ["a", "v"], outputs: ["y"] }], initializers: [floats("w", [4, 3, 3, 3], wave(108)), floats("v", [2, 4, 1, 1], wave(8))] }));
  if (preprocess) writeFileSync(path.join(folder, `${name.replace(".small", "")}.preprocess.json`), JSON.stringify(preprocess));
  const { macs, countedFor, peakActivationBytes } = await view.open(file);
  await view.close(file);
  return { macs, countedFor, peakActivationBytes };
}

test("where sizes are open they are counted for those that a file beside the model tells, else for usual ones, as if the model had them", async () => {
  const of = async (name: string, sides: [number, number]) => { const { macs, peakActivationBytes } = await factsOf(name, ["N", 3, ...sides]); return { macs, peakActivationBytes }; };
  expect(await factsOf("open", ["N", 3, "H", "W"])).toEqual({ ...await of("usual", [224, 224]), countedFor: { shape: [3, 224, 224], isTold: false } });
  expect(await factsOf("half", ["N", 3, 48, "W"])).toEqual({ ...await of("half-usual", [48, 224]), countedFor: { shape: [3, 48, 224], isTold: false } });
  expect(await factsOf("told.small", ["N", 3, 48, "W"], { resize: [48, 320] })).toEqual({ ...await of("told-fixed", [48, 320]), countedFor: { shape: [3, 48, 320], isTold: true } });
  expect(await factsOf("crop", ["N", 3, "H", "W"], { resize: 70, crop: 64 })).toMatchObject({ countedFor: { shape: [3, 64, 64], isTold: true } });
  expect((await of("small", [8, 8])).macs).toBe(16 * 116);
});

test("nothing is assumed of what has its sizes, and of what is no image", async () => {
  expect((await factsOf("fixed", ["N", 3, 8, 8])).countedFor).toBeUndefined();
  expect(await factsOf("channels", ["N", "C", "H", "W"])).toMatchObject({ macs: undefined, countedFor: undefined, peakActivationBytes: undefined });
});
