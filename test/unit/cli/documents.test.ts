import { expect, test } from "vitest";
import { toHtml, toMarkdown, toText } from "../../../src/cli/document";
import { inspectionDocument, tuningText } from "../../../src/cli/documents";
import type { InspectReport } from "../../../src/protocol/report";

const report = (layers: InspectReport["layers"]): InspectReport => ({ irVersion: 7, opset: 13, producer: "", parameters: 3000, bytes: 1250, layers, unsupported: [] });
const named = [{ label: "first", type: "float32" }, { label: "second", type: "float32" }];
const plain = { name: "a", op: "Conv", shape: [8, 3, 3, 3], bytes: 864, bitsPerWeight: 32 };

test("where channels are gone it is said what bits are divided by, and of which layers; elsewhere nothing is", () => {
  const pruned = { name: "b", op: "Conv", shape: [6, 8, 3, 3], originalShape: [16, 8, 3, 3], method: "integer", codebookBits: 8, bytes: 480, bitsPerWeight: 3.33 };
  expect(toText(inspectionDocument("m.onnx", report([plain, pruned]), named))).toContain("\n\nNote: 1 of 2 layers have fewer weights than before, since channels that they make or read were taken away. Their bits per weight divide by the weights that they had then, not by those of the shape that stands here: second 16×8×3×3 → 6×8×3×3.\n");
  expect(toText(inspectionDocument("m.onnx", report([plain, plain]), named))).not.toContain("Note");
});

test("a page of what a model holds begins with its size, layers and weights", () => {
  const page = toHtml(inspectionDocument("m.onnx", report([plain]), named));
  expect(page).toContain("<dt>in the file</dt><dd>1.25 KB</dd>");
  expect(page).toContain("<dt>layer</dt><dd>1</dd>");
  expect(page).toContain("<dt>weights</dt><dd>3,000</dd>");
});

test("size, layers and weights are told once: in a terminal's first line, or as the figures of a page", () => {
  const document = inspectionDocument("m.onnx", report([plain]), named);
  expect(toText(document)).toMatch(/^m\.onnx: 1\.25 KB, 3,000 weights in 1 layer\nOpset 13, IR 7\n\n/);
  expect(toMarkdown(document).match(/1\.25 KB/g)).toHaveLength(1);
});

test("weights that are cast from half precision say what they lie in the file as", () => {
  expect(toText(inspectionDocument("m.onnx", report([{ ...plain, storedType: "float16" }]), named))).toMatch(/\nfirst +Conv +8×3×3×3 +float16 +/);
});

test("scales and zero points of integers stand in a table of their own, beside layers that stay floats", () => {
  const grid = { type: "uint8", scales: 1, scale: [0.5, 0.5] as [number, number], zeroPoint: [3, 3] as [number, number] }, weight = { ...grid, scales: 8, scale: [0.00123, 0.25] as [number, number], axis: 0 };
  const text = toText(inspectionDocument("m.onnx", report([{ ...plain, method: "integer", codebookBits: 8, grids: { weight, input: grid } }, { ...plain, staysFloat: true }]), named));
  expect(text).toMatch(/\nfirst +uint8 +8 on axis 0 +0\.00123 – 0\.250 +3 +0\.500, 3 +–\n/);
  expect(text).toMatch(/\nsecond +floats +– .*computes with floats\n/);
  expect(toText(inspectionDocument("m.onnx", report([{ ...plain, grids: { weight } }]), named))).toMatch(/\nfirst +Conv +8×3×3×3 +uint8, 8 scales +/);
  expect(text).toMatch(/Bits\/weight: 8 × all bytes/);
  expect(toText(inspectionDocument("m.onnx", report([plain]), named))).not.toContain("zero point");
});

test("what a training has gained is told on images that had no part in it, and what chose the step", () => {
  const tuning = { steps: 134, bestStep: 32, before: { loss: 0.012, agreement: 0.984 }, after: { loss: 0.00779, agreement: 1 }, samples: 61, device: "cpu" } as const, at = (value: number) => ({ value, low: value - 0.01, high: value + 0.01 });
  const chosen = "Step 32 of 134 was the best on 61 other images, which choose it: loss 0.0120 → 0.00779.", loss = { before: at(0.02), after: at(0.015), change: { value: -0.005, low: -0.007, high: -0.003 } };
  expect(tuningText(tuning)).toBe(`Fine-tuning: ${chosen}`);
  expect(tuningText({ ...tuning, bestStep: 0 })).toBe("Fine-tuning gained nothing in 134 steps: on the 61 images that choose the best step, loss was never below the 0.0120 before it. What was before is kept. More images or a longer training may still gain.");
  const agreement = { before: at(0.9), after: at(0.95), change: { value: 0.05, low: 0.01, high: 0.09 } }, shown = (points: string) => `agreement 90.00 → 95.00 % on the 98 images held out (${points} points). ${chosen}`;
  expect(tuningText({ ...tuning, gain: { samples: 98, loss, agreement } })).toBe(`Fine-tuning gained: ${shown("+1.00 to +9.00")}`);
  const unsure = { ...agreement, change: { value: 0.05, low: -0.01, high: 0.11 } };
  expect(tuningText({ ...tuning, gain: { samples: 98, loss, agreement: unsure } })).toBe(`Fine-tuning brought outputs nearer to the original's, though too little for predictions to show it: ${shown("−1.00 to +11.00")}`);
  expect(tuningText({ ...tuning, gain: { samples: 98, loss: { ...loss, change: at(0) }, agreement: unsure } })).toBe(`Fine-tuning made no measurable difference: ${shown("−1.00 to +11.00")}`);
  expect(tuningText({ ...tuning, before: { loss: 0.02 }, after: { loss: 0.01 }, gain: { samples: 98, loss: { ...loss, before: at(0.04), after: at(0.01) } } })).toMatch(/^Fine-tuning gained: error 20\.00 → 10\.00 % on the 98 images held out\. .*loss 2\.00 % → 1\.00 %\.$/);
});

test("a training that was ended says so, at which step of how many", () => {
  const tuning = { steps: 15, planned: 60, bestStep: 1, before: { loss: 0.0529, agreement: 0.98 }, after: { loss: 0.0511, agreement: 0.98 }, samples: 61, device: "cpu" } as const;
  expect(tuningText(tuning)).toBe("Fine-tuning: Ended at step 15 of 60; step 1 was the best on 61 other images, which choose it: loss 0.0529 → 0.0511.");
  expect(tuningText({ ...tuning, bestStep: 0 })).toMatch(/^Fine-tuning was ended at step 15 of 60 and had gained nothing: on the 61 images that choose the best step, /);
});

test("a compressed model tells the recipe that it was made by", () => {
  const text = toText(inspectionDocument("m.onnx", { ...report([plain]), recipe: { budget: { bytes: 4096 } } }, named));
  expect(text).toContain('\nCompressed by this recipe: {"budget":{"bytes":4096}}\n');
});
