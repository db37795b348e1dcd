import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { compressModel } from "../../src/compression/compress";
import { frontOf } from "../../src/compression/front";
import { mergeRecipe } from "../../src/compression/goal";
import { rateModel } from "../../src/compression/rated";
import type { Progress } from "../../src/protocol/api";
import { nodeHost, type NodeHost } from "../../src/worker/host";
import { npy } from "../helpers/npy";
import { TRAINED } from "../helpers/trained";

/** What speaks against images is said before any work on them. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-doubts-")), HARDLY = /^The original is right about only [\d.]+ % of the 64 images that were tried\. If that is less than it should be/;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The images of the trained model, with other files in the place of theirs. */
function imagesWith(name: string, files: Record<string, Buffer | undefined>): string {
  const data = path.join(folder, name);
  cpSync(TRAINED.data, data, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) {
    if (bytes) writeFileSync(path.join(data, file), bytes);
    else rmSync(path.join(data, file));
  }
  return data;
}
/** Labels of classes in another order. */
const others = (): Buffer => {
  const bytes = readFileSync(path.join(TRAINED.data, "labels.npy")), from = 10 + bytes.readUInt16LE(8);
  return Buffer.concat([bytes.subarray(0, from), Uint8Array.from(bytes.subarray(from), (label) => (label + 1) % 10)]);
};
async function hosted<T>(work: (host: NodeHost) => Promise<T>): Promise<T> {
  const host = await nodeHost({ threads: 1, ratings: path.join(folder, "ratings"), scripts: path.resolve("dist") });
  try {
    return await work(host);
  } finally {
    await host.close();
  }
}
/** What a page is told while a plan is made, and by the plan; `known`: by one that only looks up what was rated. */
const plan = (data: string, known = false): Promise<{ doubts: string[] | undefined; told: Progress[] }> => hosted(async (host) => {
  const told: Progress[] = [], job = await mergeRecipe({ model: TRAINED.model, data, target: "12KB", threads: 1 }, host), opened = await host.openModel(TRAINED.model);
  try {
    const rated = await rateModel(job, opened, host, known, (progress) => told.push(progress));
    return { doubts: rated && (await frontOf(rated, job)).doubts, told };
  } finally {
    await opened.close();
  }
});

test("a plan says it while layers are rated and afterwards, and a job before it rates any", async () => {
  const data = imagesWith("others", { "labels.npy": others() }), { doubts, told } = await plan(data), seen: Progress[] = [];
  expect(doubts).toEqual([expect.stringMatching(HARDLY)]);
  expect(told.find(({ stage }) => stage === "sensitivity")!.warning).toBe(doubts![0]);
  expect((await plan(data, true)).doubts).toEqual(doubts);
  const report = await hosted((host) => compressModel({ model: TRAINED.model, data, output: path.join(folder, "doubted.onnx"), target: "12KB", threads: 1 }, host, (progress) => seen.push(progress)));
  expect(report.notes).toContainEqual(expect.stringMatching(/^The original is right about only/));
  const first = seen.findIndex(({ warning }) => warning !== undefined);
  expect(seen.slice(0, first).map(({ stage }) => stage)).not.toContain("sensitivity");
  expect(new Set(seen.slice(first).map(({ warning }) => warning))).toEqual(new Set(doubts));
});

test("images that fit are not doubted", async () => {
  const { doubts, told } = await plan(TRAINED.data);
  expect(doubts).toEqual([]);
  expect(told.filter(({ warning }) => warning !== undefined)).toEqual([]);
});

test("images without labels of which a model finds all alike are doubted", async () => {
  const { doubts } = await plan(imagesWith("black", { "labels.npy": undefined, "images.npy": npy([200, 14, 14, 1], new Uint8Array(200 * 196)) }));
  expect(doubts).toEqual([expect.stringMatching(/^The original gives all of the 64 images that were tried the same class\. Unless they show one thing/)]);
});

test("where the original's outputs are the same for all images no agreement is told, and none is enough", async () => {
  const data = imagesWith("flat", { "labels.npy": undefined, "images.npy": npy([500, 14, 14, 1], new Uint8Array(500 * 196).fill(128)) }), output = path.join(folder, "flat.onnx");
  const { fidelity, notes } = await hosted((host) => compressModel({ model: TRAINED.model, data, output, target: "12KB", threads: 1 }, host));
  expect([fidelity!.agreement, fidelity!.kl]).toEqual([undefined, undefined]);
  expect(notes).toContainEqual(expect.stringMatching(/^The original puts out the same for all of these images/));
  const run = spawnSync(process.execPath, ["dist/cli.js", "evaluate", output, "--reference", TRAINED.model, "--data", data, "--fail-under", "agreement=0.9"], { encoding: "utf8" });
  expect(run).toMatchObject({ status: 3, stderr: expect.stringContaining("agreement was not measured") as string, stdout: expect.not.stringContaining("agreement") as string });
  expect(run.stdout).toContain("Note: The reference puts out the same for all of these images");
});

test("so few images that nothing holds for others are doubted", async () => {
  const few = readFileSync(path.join(TRAINED.data, "images.npy")), from = 10 + few.readUInt16LE(8);
  const { doubts } = await plan(imagesWith("few", { "labels.npy": undefined, "images.npy": npy([20, 14, 14, 1], Uint8Array.from(few.subarray(from, from + 20 * 196))) }));
  expect(doubts).toEqual([expect.stringMatching(/^There are only 20 images: .* Give a few hundred\.$/)]);
});

test("where labels and the reference do not fit, an evaluation doubts the reference, and the model where there is none", () => {
  const data = imagesWith("reference", { "labels.npy": others() }), evaluate = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", "evaluate", TRAINED.model, "--threads", "1", "--quiet", ...args], { encoding: "utf8" }).stdout;
  const doubted = (who: string) => new RegExp(`^Note: ${who} is right about only [\\d.]+ % of these images\\. If that is less than it should be`, "m");
  expect(evaluate("--reference", TRAINED.model, "--data", data)).toMatch(doubted("The reference"));
  expect(evaluate("--reference", TRAINED.model, "--data", data)).not.toMatch(doubted("The model"));
  expect(evaluate("--data", data)).toMatch(doubted("The model"));
  expect(evaluate("--reference", TRAINED.model, "--data", TRAINED.data)).not.toContain("is right about only");
});
