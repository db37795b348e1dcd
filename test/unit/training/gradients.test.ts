import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { NodeSpec } from "../../../src/onnx/encode";
import { Differentiation } from "../../../src/training/differentiate";
import { countOf, GraphBuilder, PIXELS, storedDims, type Value } from "../../../src/training/graph";
import { readNetwork } from "../../../src/training/network";
import type { TraceMode } from "../../../src/training/operator";
import { python } from "../../helpers/python";
import { floats, ints, modelBytes, open, value, wave } from "../onnx/models";
import { CASES, type GradientCase } from "./gradient-cases";

/** Gradients of every operator against PyTorch in double precision. */

const torch = python("torch", "numpy");

const scaled = (dims: readonly number[], seed: number, { positive, scale = 1 }: { positive?: boolean; scale?: number } = {}): Float32Array =>
  wave(countOf(dims), seed).map((v) => (positive ? Math.abs(v) + 0.3 : v * scale));

interface Result { y: Float32Array; gradients: Record<string, Float32Array> }

/** The case through our graph on onnxruntime, with Σ y·r as the loss. */
async function ours({ nodes, inputs, opset = 18, constants = [], tensors = {}, without = [] }: GradientCase, mode: TraceMode, pixels: boolean): Promise<Result & { r: Float32Array; data: Record<string, Float32Array> }> {
  const names = Object.keys(inputs), data = Object.fromEntries(names.map((name, i) => [name, tensors[name] ? Float32Array.from(tensors[name]) : scaled(inputs[name].dims, i + 1, inputs[name])]));
  const model = await open(modelBytes({
    opset, nodes: nodes as NodeSpec[], inputs: [value("x", inputs.x.dims)], outputs: [value("y")],
    initializers: [...names.filter((name) => name !== "x").map((name) => floats(name, inputs[name].dims, data[name])), ...constants.map(({ name, values, dims, isFloat }) => (isFloat ? floats(name, dims ?? [values.length], values) : ints(name, values, dims)))],
  }));
  const network = await readNetwork(model, { name: "x", dims: inputs.x.dims }, ["y"], names.filter((name) => name !== "x")), g = new GraphBuilder(), given = new Map<string, Value>(), feeds: Record<string, ort.Tensor> = {};
  for (const name of names) {
    const value = g.input(name, inputs[name].dims);
    given.set(name, pixels && name === "x" && inputs.x.dims.length === 4 ? g.ordered(value, PIXELS) : value);
    feeds[name] = new ort.Tensor("float32", data[name], inputs[name].dims);
  }
  const pass = new Differentiation(g, network, given, new Set(names.filter((name) => !without.includes(name))), mode), y = pass.value("y"), r = scaled(y.dims, 99);
  const gradients = pass.backward(new Map([["y", g.input("r", y.dims)]]));
  expect(pass.barriers).toEqual([]);
  feeds.r = new ort.Tensor("float32", r, y.dims);
  g.output("y", g.plain(y));
  for (const [name, gradient] of gradients) {
    expect(storedDims(g.plain(gradient)), name).toEqual(inputs[name].dims);
    g.output(`d ${name}`, g.plain(gradient));
  }
  const results = await (await ort.InferenceSession.create(g.build(), { logSeverityLevel: 3 })).run(feeds);
  return { y: results.y.data as Float32Array, r, data, gradients: Object.fromEntries([...gradients.keys()].map((name) => [name, results[`d ${name}`].data as Float32Array])) };
}

/** The cases in PyTorch, all in one process. */
function theirs(cases: { torch: string; r: Float32Array; dims: Record<string, readonly number[]>; data: Record<string, Float32Array> }[]): Result[] {
  const encode = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  const output = torch!(`
import sys, json, base64, numpy as np, torch
import torch.nn.functional as F
torch.set_num_threads(1)
results = []
for case in json.load(sys.stdin):
    read = lambda text, dims: torch.tensor(np.frombuffer(base64.b64decode(text), dtype=np.float32).astype(np.float64).reshape(dims))
    v = {name: read(text, case["dims"][name]).requires_grad_() for name, text in case["data"].items()}
    y = eval(case["torch"], {**v, "torch": torch, "F": F, "v": v})
    r = read(case["r"], y.shape)
    (y * r).sum().backward()
    write = lambda t: base64.b64encode(t.detach().numpy().astype(np.float32).tobytes()).decode()
    results.append({"y": write(y), "gradients": {name: write(t.grad if t.grad is not None else torch.zeros_like(t)) for name, t in v.items()}})
json.dump(results, sys.stdout)
`, Buffer.from(JSON.stringify(cases.map(({ torch, r, dims, data }) => ({ torch, r: encode(r), dims, data: Object.fromEntries(Object.entries(data).map(([name, values]) => [name, encode(values)])) })))));
  const decode = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
  return (JSON.parse(output.toString()) as { y: string; gradients: Record<string, string> }[]).map(({ y, gradients }) => ({ y: decode(y), gradients: Object.fromEntries(Object.entries(gradients).map(([name, text]) => [name, decode(text)])) }));
}

function relativeError(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let difference = 0, energy = 0;
  for (let i = 0; i < a.length; i++) { difference += (a[i] - b[i]) ** 2; energy += b[i] ** 2; }
  return energy > 0 ? Math.sqrt(difference / energy) : Math.sqrt(difference);
}

const LAYOUTS = [{ layout: "plain", pixels: false }, { layout: "pixels", pixels: true }] as const;

describe.skipIf(!torch)("gradients are PyTorch's", () => {
  test.each(LAYOUTS)("from values in the order of $layout", async ({ layout, pixels }) => {
    const runs: Awaited<ReturnType<typeof ours>>[] = [];
    for (const one of CASES) {
      try {
        runs.push(await ours(one, { statistics: one.statistics ?? "batch", layout }, pixels));
      } catch (error) {
        throw new Error(`${one.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    const expected = theirs(CASES.map(({ torch, inputs }, i) => ({ torch, r: runs[i].r, data: runs[i].data, dims: Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims])) })));
    const wrong: string[] = [];
    CASES.forEach(({ name, without = [] }, i) => {
      const { y, gradients } = runs[i], want = expected[i];
      if (!(relativeError(y, want.y) < 1e-5)) wrong.push(`${name}: y ${relativeError(y, want.y)}`);
      for (const key of Object.keys(want.gradients)) {
        if (without.includes(key)) continue;
        const error = gradients[key] ? relativeError(gradients[key], want.gradients[key]) : NaN;
        if (!(error < 1e-4)) wrong.push(`${name}: d${key} ${error}`);
      }
    });
    expect(wrong).toEqual([]);
  });
});
