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
