import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataset, type ImageAccess } from "../../../src/evaluation/dataset";
import type { Preprocess } from "../../../src/evaluation/preprocess";
import { Random } from "../../../src/numeric/random";
import { openData } from "../../../src/runtime/node";
import { nodeHost, type NodeHost } from "../../../src/worker/host";
import { png } from "../../helpers/png";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-decode-")), input = { name: "x", type: "float32", shape: ["N", 3, 24, 20] };

function picture(seed: number): Buffer {
  const random = new Random(seed), width = 20 + seed % 3, height = 24 + seed % 5;
  return png(Uint8Array.from({ length: 3 * width * height }, () => random.below(256)), width, height);
}

beforeAll(() => {
  for (const name of ["cat", "dog"]) {
    mkdirSync(path.join(folder, name));
    for (let i = 0; i < 7; i++) writeFileSync(path.join(folder, name, `${i}.png`), picture(i + name.length * 100));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([1, 2, 5])("%i threads", (threads) => {
  let host: NodeHost, access: ImageAccess;
  beforeAll(async () => {
    host = await nodeHost({ threads, scripts: path.resolve("dist") });
    access = await host.openData(folder);
  });
  afterAll(() => host.close());

  test.each<Preprocess>([{ resize: [24, 20] }, { resize: [30, 30], filter: "bicubic", crop: [24, 20], channels: "bgr", mean: [0.1, 0.2, 0.3], std: 0.25 }])("prepare the same values as one after the other: %j", async (preprocess) => {
    expect(access.prepare).toBeDefined();
    const [there, here] = await Promise.all([access, await openData(folder)].map((data) => openDataset(data, input, preprocess)));
    for (const positions of [[3], [13, 0, 5, 5], Array.from({ length: 14 }, (_, i) => 13 - i)]) expect(await there.batch(positions)).toEqual(await here.batch(positions));
  });

  test("say which file is none", async () => {
    const broken = path.join(folder, "dog", "6.png");
    const dataset = await openDataset(access, input, { resize: [24, 20] });
    writeFileSync(broken, "no picture");
    await expect(dataset.batch([0, 13])).rejects.toMatchObject({ code: "bad-data", message: expect.stringContaining("dog/6.png is neither") as string });
    rmSync(broken);
    await expect(dataset.batch([0, 13])).rejects.toMatchObject({ code: "bad-data", message: expect.stringMatching(/There is no data at .*6\.png\.$/) as string });
    writeFileSync(broken, picture(306));
    expect((await dataset.batch([13])).length).toBe(3 * 24 * 20);
  });
});
