import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seenText } from "../../../src/cli/seen";
import type { CompressReport } from "../../../src/protocol/report";
import { hashFile } from "../../../src/runtime/node";
import { fittedShare, MadeFiles } from "../../../src/worker/made";

let home: string, made: MadeFiles;
const at = (name: string) => path.join(home, name), fidelity = { samples: 98, agreement: 0.95, reference: { top1: 0.92 }, compressed: { top1: 0.91 } };
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), "kernelscope-made-"));
  made = new MadeFiles(at("cache/made"));
  writeFileSync(at("a.onnx"), "the original");
  writeFileSync(at("a.small.onnx"), "smaller");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function report(more: Partial<CompressReport> = {}): Promise<CompressReport> {
  const [input, output] = await Promise.all(["a.onnx", "a.small.onnx"].map(async (name) => ({ path: at(name), bytes: 12, sha256: await hashFile(at(name)) })));
  return { input, output: { ...output, gzipBytes: 7, loadedWeightBytes: 12 }, ratio: 1, bitsPerWeight: 4, device: "cpu", seconds: {}, layers: [], fidelity, ...more };
}

test("what a compression came to is found again by the content of its file, under whatever name", async () => {
  expect(await made.of(at("a.small.onnx"))).toBeUndefined();
  await made.add(await report());
  copyFileSync(at("a.small.onnx"), at("copy.onnx"));
  expect((await made.madeOf(at("a.onnx"), at("copy.onnx")))?.fidelity).toEqual(fidelity);
  writeFileSync(at("other.onnx"), "smalles"); // of the same size
  expect(await made.of(at("other.onnx"))).toBeUndefined();
  expect(await made.madeOf(at("other.onnx"), at("copy.onnx"))).toBeUndefined();
});

test("of a file that is another by now, or a record that is cut off, nothing is known", async () => {
  await made.add(await report());
  const [name] = readdirSync(at("cache/made"));
  writeFileSync(at("a.small.onnx"), "another");
  expect(await made.of(at("a.small.onnx"))).toBeUndefined();
  writeFileSync(at("a.small.onnx"), "smaller");
  expect(await made.of(at("a.small.onnx"))).toBeDefined();
  writeFileSync(path.join(at("cache/made"), name), "{\"version\":1,");
  expect(await made.of(at("a.small.onnx"))).toBeUndefined();
});

test("images that a file was fitted to are known by whatever way leads to them; others are not blamed", async () => {
  for (const name of ["images", "others"]) mkdirSync(at(name));
  symlinkSync(at("images"), at("link"));
  const used = { images: { folder: at("images") }, fidelity };
  expect(await Promise.all(["images", "link", "others", "none"].map((name) => fittedShare(used, at(name))))).toEqual([0.8, 0.8, undefined, undefined]);
  expect(await fittedShare({ ...used, images: { folder: at("images"), evalFolder: at("others") } }, at("link"))).toBe(1);
  expect(await fittedShare({ ...used, images: { folder: at("images"), evalFolder: at("others") } }, at("others"))).toBeUndefined();
  expect(await fittedShare({ fidelity }, at("images"))).toBeUndefined();
  expect(seenText(at("a.small.onnx"), { fidelity }, 0.8)).toBe("a.small.onnx was fitted to four fifths of these very images, so figures on them flatter it. On the 98 that were kept from it, its agreement was 95.00 %. Give --data with images that are new to it.");
});

test("whose recipe made a file is known, unless the command line asked for something else than the recipe", async () => {
  await made.add(await report(), { recipe: at("a.kernelscope.json") });
  expect((await made.of(at("a.small.onnx")))?.recipe).toBe(at("a.kernelscope.json"));
  await made.add(await report(), { recipe: at("a.kernelscope.json"), target: "5KB" });
  expect((await made.of(at("a.small.onnx")))?.recipe).toBeUndefined();
});
