import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { viewer } from "../../src/worker/viewer";
import { held } from "../helpers/compared";
import { compressWith } from "../helpers/compress";
import { TRAINED } from "../helpers/trained";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-sqnr-")), sample = path.resolve("samples/fashion-cnn.onnx"), data = path.resolve("samples/fashion-mnist");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["with images", { data, target: "60KB" }], ["without", { target: "60KB" }],
  ["as integers", { ...TRAINED, inference: "integer" }], ["pruned", { ...TRAINED, target: "12KB", prune: { compute: 0.5 } }], ["pruned and trained", { ...TRAINED, target: "12KB", prune: { compute: 0.5 }, tune: "8steps" }],
] as const)("a layer's SQNR is the same in report, comparison and codebook, %s", async (name, more) => {
  const output = path.join(folder, "out.onnx"), view = viewer(), request = { model: sample, ...more }, { model } = request;
  const { layers } = await compressWith(path.join(folder, "jobs", name), { ...request, output, force: true });
  await Promise.all([view.open(model), view.open(output)]);
  let codebooks = 0;
  for (const { name, sqnrDb } of layers) {
    if (sqnrDb === undefined) continue;
    expect(held(await view.comparedWeights(model, output, name, 1)).sqnrDb).toBeCloseTo(sqnrDb, 2);
    const book = await view.codebook(output, name, model);
    if (!book) continue;
    expect(book.original!.sqnrDb).toBeCloseTo(sqnrDb, 2);
    codebooks++;
  }
  if ("target" in more) expect(codebooks).toBeGreaterThan(2);
  await Promise.all([view.close(model), view.close(output)]);
});
