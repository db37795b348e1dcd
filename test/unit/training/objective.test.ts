import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../src/training/graph";
import { LABELS, lossOf, teacherInput, type Objective } from "../../../src/training/objective";
import { Adam, cosineRate, Momentum, oneCycleRate } from "../../../src/training/optimizer";
import { python } from "../../helpers/python";
import { wave } from "../onnx/models";

const torch = python("torch", "numpy");
const N = 6, CLASSES = 5;

/** Runs PyTorch words on named tensors [N, CLASSES]; what they print as JSON. */
const inTorch = (script: string, tensors: Record<string, Float32Array>): unknown => JSON.parse(torch!(`
import sys, json, torch
import torch.nn.functional as F
v = {name: torch.tensor(values, dtype=torch.float64).reshape(${N}, ${CLASSES}) for name, values in json.load(sys.stdin).items()}
${script}
`, Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, [...values]]))))).toString());

const student = wave(N * CLASSES, 3).map((v) => v * 6), teacher = wave(N * CLASSES, 4).map((v) => v * 6);
const labels = Float32Array.from({ length: N * CLASSES }, (_, i) => (i % CLASSES === Math.floor(i / CLASSES) * 7 % CLASSES ? 1 : 0));

async function ours(objective: Objective): Promise<{ loss: number; gradient: number[] }> {
  const g = new GraphBuilder(), { loss, gradients } = lossOf(g, [g.input("student", [N, CLASSES])], objective);
  g.output("loss", loss);
  g.output("gradient", gradients[0]);
  const session = await ort.InferenceSession.create(g.build(), { logSeverityLevel: 3 }), given = { student, [teacherInput(0)]: teacher, [LABELS]: labels };
  const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, new ort.Tensor("float32", given[name], [N, CLASSES])])));
  return { loss: (results.loss.data as Float32Array)[0], gradient: [...results.gradient.data as Float32Array] };
}

describe.skipIf(!torch)("losses and their gradients are PyTorch's", () => {
  test.each<[string, Objective, string]>([
    ["distillation", { kind: "distillation", temperature: 1 }, "F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction='batchmean')"],
    ["softened by a temperature", { kind: "distillation", temperature: 4 }, "16 * F.kl_div(F.log_softmax(s / 4, 1), F.softmax(t / 4, 1), reduction='batchmean')"],
    ["with labels", { kind: "distillation", temperature: 2, labels: 0.3 }, "0.7 * 4 * F.kl_div(F.log_softmax(s / 2, 1), F.softmax(t / 2, 1), reduction='batchmean') - 0.3 * (l * F.log_softmax(s, 1)).sum() / 6"],
    ["labels alone", { kind: "labels" }, "-(l * F.log_softmax(s, 1)).sum() / 6"],
    ["squared error", { kind: "squaredError" }, "((s - t) ** 2).sum() / (t ** 2).sum()"],
  ])("%s", async (_name, objective, words) => {
    const expected = inTorch(`s, t, l = v["student"].requires_grad_(), v["teacher"], v["labels"]\nloss = ${words}\nloss.backward()\nprint(json.dumps({"loss": loss.item(), "gradient": s.grad.flatten().tolist()}))`, { student, teacher, labels }) as { loss: number; gradient: number[] };
    const { loss, gradient } = await ours(objective);
    expect(loss).toBeCloseTo(expected.loss, 5);
    gradient.forEach((value, i) => expect(value).toBeCloseTo(expected.gradient[i], 5));
  });

  test.each<[string, () => Adam | Momentum, string, number]>([
    ["Adam", () => new Adam(N * CLASSES, { epsilon: 1e-8 }), "torch.optim.Adam([s], lr=0.01)", 0.01],
    ["Adam with decay", () => new Adam(N * CLASSES, { epsilon: 1e-8, decay: 0.1 }), "torch.optim.AdamW([s], lr=0.01, weight_decay=0.1)", 0.01],
    ["momentum", () => new Momentum(N * CLASSES, { decay: 0.05 }), "torch.optim.SGD([s], lr=0.1, momentum=0.9, weight_decay=0.05)", 0.1],
    ["Nesterov's momentum", () => new Momentum(N * CLASSES, { nesterov: true }), "torch.optim.SGD([s], lr=0.1, momentum=0.9, nesterov=True)", 0.1],
  ])("twenty steps of %s", (_name, make, words, rate) => {
    const expected = inTorch(`s, t = v["student"].requires_grad_(), v["teacher"]\noptimizer = ${words}\nfor i in range(20):\n    s.grad = torch.sin(s.detach() + t)\n    optimizer.step()\nprint(json.dumps(s.flatten().tolist()))`, { student, teacher }) as number[];
    const values = student.slice(), optimizer = make();
    for (let i = 0; i < 20; i++) optimizer.step(values, values.map((v, j) => Math.sin(v + teacher[j])), rate);
    values.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
  });
});

test("the rate rises, falls along a cosine and ends at nothing", () => {
  expect([0, 4, 9].map((step) => cosineRate(step, 110, 10))).toEqual([0.1, 0.5, 1]);
  expect(cosineRate(60, 110, 10)).toBeCloseTo(0.5);
  expect(cosineRate(110, 110, 10)).toBeCloseTo(0);
});

test("one cycle rises and falls in straight lines", () => {
  expect([0, 4, 9, 24].map((step) => oneCycleRate(step, 100))).toEqual([1, 5, 10, 25].map((step) => step / 25));
  expect([25, 40, 70, 99].map((step) => oneCycleRate(step, 100))).toEqual([75, 60, 30, 1].map((left) => left / 75));
  for (const steps of [1, 2, 3, 5, 7]) expect(Math.max(...Array.from({ length: steps }, (_, step) => oneCycleRate(step, steps))), `${steps} steps`).toBeGreaterThan(0.7);
});
