import { describe, expect, test } from "vitest";
import { denseRows } from "../../../src/methods/wavelet-dense";
import { LAYER_INPUT, LAYER_OUTPUT, layerModel, TENSORS, tensorDims, type WaveletValues } from "../../../src/methods/wavelet-model";
import { permutationOf, permutationSeed, PRIME } from "../../../src/methods/wavelet-permutation";
import { waveletShape, type WaveletShape } from "../../../src/methods/wavelet-shape";
import { filterBank } from "../../../src/numeric/filter-bank";
import { evaluateConstant } from "../../../src/onnx/constants";
import { readModel } from "../../../src/onnx/model";
import { memorySource } from "../../../src/onnx/memory";
import { nodeRuntime } from "../../../src/runtime/node";
import { countOf } from "../../../src/training/graph";
import { readNetwork } from "../../../src/training/network";
import { buildForward, buildStep, forwardOutput, gradientOutput } from "../../../src/training/step";
import { teacherInput } from "../../../src/training/objective";
import { python } from "../../helpers/python";
import { wave } from "../onnx/models";

const SHAPES = [[64, 64, 4, 3, 1], [800, 10, 6, 5, 2], [100, 300, 4, 3, 2], [32, 32, 2, 5, 4], [60, 150, 8, 2, 1], [24, 24, 6, 2, 8]] as [number, number, number, number, 1 | 2 | 4 | 8][], SAMPLES = 3, PERMUTATION = permutationSeed(5);

function layerOf([inputs, outputs, length, levels, summed]: (typeof SHAPES)[number]): { shape: WaveletShape; values: WaveletValues; bytes: Uint8Array; x: Float32Array } {
  const shape = waveletShape(inputs, outputs, { length, levels, summed })!, dims = tensorDims(shape), of = (name: (typeof TENSORS)[number], seed: number) => wave(countOf(dims[name]), seed);
  const values: WaveletValues = { filters: filterBank("daubechies", length).map((v, i) => v + 0.05 * Math.sin(i)), before: of("before", 1), between: of("between", 2), after: of("after", 3) };
  return { shape, values, bytes: layerModel(shape, values, PERMUTATION), x: wave(SAMPLES * inputs, 7) };
}

describe("permutations", () => {
  test("are made of two numbers, as runtimes make them, and are permutations", async () => {
    for (const seed of [1, 2, 3]) {
      const from = permutationSeed(seed), order = permutationOf(from, 3, 500);
      expect(from.start + 1500).toBeLessThan(PRIME / 2);
      for (let k = 0; k < 3; k++) expect([...order.subarray(500 * k, 500 * (k + 1))].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    }
  });

  test("keep next to nothing beside each other", () => {
    const order = permutationOf(permutationSeed(1), 1, 4096);
    let near = 0, drift = 0;
    for (let i = 1; i < order.length; i++) {
      near += Number(Math.abs(order[i] - order[i - 1]) < 8);
      drift += i > 1 && order[i] - 2 * order[i - 1] + order[i - 2] === 0 ? 1 : 0;
    }
    expect(near).toBeLessThan(0.01 * order.length);
    expect(drift).toBeLessThan(0.01 * order.length);
  });
});

describe.each(SHAPES)("a layer of %i × %i, %i taps, %i levels, %i summed", (...size) => {
  test("computes in onnxruntime and in the engine what its matrix does", async () => {
    const { shape, values, bytes, x } = layerOf(size), { inputs, outputs } = shape, rows = denseRows(shape, values, PERMUTATION);
    const expected = Float32Array.from({ length: SAMPLES * outputs }, (_, at) => { const sample = Math.floor(at / outputs), row = at % outputs; let sum = 0; for (let i = 0; i < inputs; i++) sum += rows[row * inputs + i] * x[sample * inputs + i]; return sum; });
    const scale = Math.sqrt(expected.reduce((sum, v) => sum + v * v, 0) / expected.length), session = await nodeRuntime.open(bytes, { threads: 1 });
    const { [LAYER_OUTPUT]: { data } } = await session.run({ [LAYER_INPUT]: { dims: [SAMPLES, inputs], data: x } });
    await session.release();
    const network = await readNetwork(await readModel(memorySource(bytes)), { name: LAYER_INPUT, dims: [SAMPLES, inputs] }, [LAYER_OUTPUT], TENSORS), dims = tensorDims(shape);
    const engine = await nodeRuntime.open(buildForward(network, { parameters: TENSORS.map((name) => ({ name, dims: dims[name] })), mode: { statistics: "fixed", layout: "pixels" } }), { threads: 1 });
    const own = await engine.run({ [LAYER_INPUT]: { dims: [SAMPLES, inputs], data: x }, ...Object.fromEntries(TENSORS.map((name) => [name, { dims: dims[name], data: values[name] }])) });
    await engine.release();
    expected.forEach((v, i) => {
      expect(Math.abs(data[i] - v)).toBeLessThan(1e-5 * scale + 1e-6);
      expect(Math.abs(own[forwardOutput(0)].data[i] - v)).toBeLessThan(1e-5 * scale + 1e-6);
    });
  });

  test("has nothing as large as its matrix in its file", async () => {
    const { shape, bytes } = layerOf(size), model = await readModel(memorySource(bytes));
    for (const { count } of model.graph.initializerList) expect(count).toBeLessThanOrEqual(Math.max(...Object.values(tensorDims(shape)).map(countOf)));
  });
});

test("what runtimes compute while they load is computed here to the bit", async () => {
  const { bytes, shape } = layerOf([100, 300, 4, 3, 2]), model = await readModel(memorySource(bytes)), { graph } = model, gather = graph.nodes.find(({ op }) => op === "Gather")!;
  const places = await evaluateConstant(model, graph, gather.inputs[1]), order = permutationOf(PERMUTATION, shape.stacked * shape.summed, shape.size);
  expect(Array.from(places!.data, Number)).toEqual(Array.from(order, (v, i) => v + Math.floor(i / shape.size) * shape.size));
});

/** The layer in PyTorch, written from the paper: convolutions of periodic lines with stride 2, and their transposes. */
const torch = python("torch", "numpy");
const TORCH = `
import sys, json, numpy as np, torch
import torch.nn.functional as F
torch.set_num_threads(1)
case = json.load(sys.stdin)
t = {k: torch.tensor(v["data"], dtype=torch.float64).reshape(v["dims"]).requires_grad_(k != "x") for k, v in case["tensors"].items()}
f, n, L = t["filters"], case["size"], case["length"]
def down(x, h):
    return F.conv1d(torch.cat([x, x[:, :L]], 1)[:, None, :x.shape[1] + L - 2], h[None, None], stride=2)[:, 0]
def up(a, h):
    y = F.conv_transpose1d(a[:, None], h[None, None], stride=2)[:, 0]
    m = 2 * a.shape[1]
    return torch.cat([y[:, :L - 2] + y[:, m:], y[:, L - 2:m]], 1) if L > 2 else y
def analyse(x):
    parts = []
    for g in case["groups"]:
        details = []
        for _ in range(g["levels"]):
            details.append(down(x, f[1])); x = down(x, f[0])
        blocks = g["size"] // g["block"]
        parts = [torch.cat([d.reshape(x.shape[0], blocks, -1) for d in details[::-1]], 2).reshape(x.shape[0], -1)] + parts
    return torch.cat([x] + parts, 1)
def synthesise(c):
    last = case["groups"][-1]
    m = last["size"] >> last["levels"]
    x, c = c[:, :m], c[:, m:]
    for g in case["groups"][::-1]:
        m, blocks = g["size"] - (g["size"] >> g["levels"]), g["size"] // g["block"]
        own, c = c[:, :m].reshape(c.shape[0], blocks, -1), c[:, m:]
        at = 0
        for level in range(g["levels"], 0, -1):
            d = own[:, :, at:at + (g["block"] >> level)].reshape(c.shape[0], -1); at += g["block"] >> level
            x = up(x, f[2]) + up(d, f[3])
    return x
x, y = t["x"], 0
order = torch.tensor(case["order"]).reshape(-1, n)
for s in range(case["summed"]):
    outs = []
    for k in range(case["stacked"]):
        j = s * case["stacked"] + k
        z = F.pad(x * t["before"][j], [0, n - x.shape[1]])
        outs.append(synthesise(analyse(z)[:, order[j]] * t["between"][j]))
    y = y + torch.cat(outs, 1)[:, :case["outputs"]] * t["after"][s]
(y * torch.tensor(case["r"], dtype=torch.float64).reshape(y.shape)).sum().backward()
print(json.dumps({"y": y.detach().flatten().tolist(), **{k: v.grad.flatten().tolist() for k, v in t.items() if k != "x"}}))
`;

test.skipIf(!torch).each(SHAPES)("a layer of %i × %i, %i taps, %i levels, %i summed has PyTorch's outputs and gradients", async (...size) => {
  const { shape, values, bytes, x } = layerOf(size), { inputs, outputs, stacked, summed, groups, length } = shape, dims = tensorDims(shape), r = wave(SAMPLES * outputs, 11);
  const network = await readNetwork(await readModel(memorySource(bytes)), { name: LAYER_INPUT, dims: [SAMPLES, inputs] }, [LAYER_OUTPUT], TENSORS);
  const tensors = Object.fromEntries([...TENSORS.map((name) => [name, { dims: dims[name], data: [...values[name]] }]), ["x", { dims: [SAMPLES, inputs], data: [...x] }]]);
  const theirs = JSON.parse(torch!(TORCH, Buffer.from(JSON.stringify({ tensors, size: shape.size, length, groups, stacked, summed, outputs, order: [...permutationOf(PERMUTATION, stacked * summed, shape.size)], r: [...r] }))).toString()) as Record<string, number[]>;
  // the squared error against outputs less half of r has the gradient r, over the teacher's energy
  const teacher = Float32Array.from(theirs.y, (v, i) => v - r[i] / 2), energy = teacher.reduce((sum, v) => sum + v * v, 0);
  const step = buildStep(network, { parameters: TENSORS.map((name) => ({ name, dims: dims[name] })), objective: { kind: "squaredError" }, mode: { statistics: "fixed", layout: "pixels" } }), session = await nodeRuntime.open(step.model, { threads: 1 });
  expect([step.tuned, step.barriers]).toEqual([[...TENSORS], []]);
  const results = await session.run({ [LAYER_INPUT]: { dims: [SAMPLES, inputs], data: x }, [teacherInput(0)]: { dims: [SAMPLES, outputs], data: teacher }, ...Object.fromEntries(TENSORS.map((name) => [name, { dims: dims[name], data: values[name] }])) });
  await session.release();
  for (const name of TENSORS) {
    const scale = Math.max(...theirs[name].map(Math.abs));
    results[gradientOutput(name)].data.forEach((v, i) => { expect(Math.abs(v * energy - theirs[name][i]), `${name} ${i}`).toBeLessThan(2e-4 * scale); });
  }
});
