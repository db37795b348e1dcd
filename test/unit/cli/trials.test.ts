import { expect, test } from "vitest";
import { compressionDocument } from "../../../src/cli/documents";
import type { CompressReport } from "../../../src/protocol/report";

const report: CompressReport = {
  input: { path: "a.onnx", bytes: 100, sha256: "" }, output: { path: "b.onnx", bytes: 10, gzipBytes: 9, loadedWeightBytes: 100, sha256: "" }, ratio: 10, bitsPerWeight: 1, device: "cpu", seconds: { total: 1 }, layers: [], notes: [],
  pruningTrials: [{ compute: 0, problem: "8 KB cannot be reached.", isChosen: false }, { compute: 0.5, loss: 0.0397, isChosen: true }],
};
const ways = (more: Partial<CompressReport>) => compressionDocument({ ...report, ...more }, false).blocks.find((block) => typeof block === "object" && "head" in block && block.head[0] === "less to compute");

test("ways to a size are told in the unit of what they lose", () => {
  expect(ways({ fidelity: { samples: 9, agreement: 0.9, reference: {}, compressed: {} } })).toMatchObject({ head: ["less to compute", "divergence", ""], rows: [["all channels", "8 KB cannot be reached.", ""], ["50.00 %", "0.0397 nats", "taken"]] });
  expect(ways({})).toMatchObject({ head: ["less to compute", "relative squared error", ""], rows: [expect.anything(), ["50.00 %", "0.0397", "taken"]] });
});

test("a model that was prepared in vain says so, and what to do", () => {
  const text = (before: number, after: number) => compressionDocument({ ...report, tuning: { steps: 6, bestStep: 6, before: { loss: 1, agreement: before }, after: { loss: 1, agreement: after }, samples: 61, device: "cpu" } }, true).blocks.find((block) => typeof block === "string" && block.startsWith("Preparing"));
  expect(text(0.95, 0.6)).toMatch(/^Preparing did harm: compressed as asked for, agreement with the original is 95\.00 → 60\.00 % on 61 images kept from training .* Compress the original instead, or prepare it for longer\.$/);
  expect(text(0.95, 0.93)).toMatch(/^Preparing made no measurable difference: .* Compress the original, or prepare it for longer or with more images\.$/);
  expect(text(0.6, 0.95)).toMatch(/^Preparing gained: /);
});
