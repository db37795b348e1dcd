import { describe, expect, test } from "vitest";
import { gridOf } from "../../../src/evaluation/integer/grids";
import { nodeRuntime } from "../../../src/runtime/node";
import type { Tensor } from "../../../src/runtime/runtime";
import { Differentiation } from "../../../src/training/differentiate";
import { GraphBuilder, PIXELS, type Value } from "../../../src/training/graph";
import type { Network } from "../../../src/training/network";
import { SIMULATED } from "../../../src/training/operators/quantization";
import { gridInputs, SimulatedGrids, type SimulatedGrid } from "../../../src/training/simulated";
import { leastOutput, mostOutput } from "../../../src/training/step";
import { python } from "../../helpers/python";
import { wave } from "../onnx/models";

const DIMS = [2, 3, 4, 5], COUNT = 120, torch = python("torch", "numpy");
const gridFor = (min: number, max: number, isOneSided = false): SimulatedGrid => ({ name: "g", values: [{ name: "y", isOneSided }], range: { min, max }, most: Infinity });

/** Values on a grid, and the gradient of Σ y·r. */
async function through(x: Float32Array, r: Float32Array, feeds: Record<string, Tensor>, { isOneSided = false, pixels = false, isObserved = false } = {}): Promise<{ y: Float32Array; dx: Float32Array; extremes: (number | undefined)[] }> {
  const g = new GraphBuilder(), inputs = gridInputs("g"), network: Network = { input: "s", nodes: [{ op: SIMULATED, inputs: ["x", ...inputs], outputs: ["y"], attributes: { one_sided: isOneSided ? 1 : 0, observed: isObserved ? 1 : 0 } }], constants: new Map(), dims: new Map([["x", DIMS], ["y", DIMS]]), outputs: ["y"] };
  const value = g.input("x", DIMS), given = new Map<string, Value>([["x", pixels ? g.ordered(value, PIXELS) : value], ...inputs.map((name): [string, Value] => [name, g.input(name, [])])]);
  const pass = new Differentiation(g, network, given, new Set(["x"]), { statistics: "fixed", layout: "plain" }), gradients = pass.backward(new Map([["y", g.input("r", DIMS)]])), { least, most } = pass.extremes.get("y")!;
  g.output("out", g.plain(pass.value("y")));
  g.output("dx", g.plain(gradients.get("x")!));
  if (least) g.output("least", least);
  g.output("most", most);
  const session = await nodeRuntime.open(g.build(), { threads: 1 }), results = await session.run({ x: { dims: DIMS, data: x }, r: { dims: DIMS, data: r }, ...feeds });
  await session.release();
  return { y: results.out.data, dx: results.dx.data, extremes: [least && results.least.data[0], results.most.data[0]] };
}

describe.skipIf(!torch)("values on a grid, and gradients through it, are PyTorch's", () => {
  test.each([{ min: -1.3, max: 2.1 }, { min: 0, max: 1.7 }, { min: -2, max: 0 }])("from %j", async ({ min, max }) => {
    const { scale, zero } = gridOf({ min, max });
    // PyTorch lets gradients through for half a step beyond the ends, the paper does not
    const isNearEnd = (v: number): boolean => [-zero * scale, (255 - zero) * scale].some((end) => Math.abs(v - end) < scale);
    const x = wave(COUNT, 3).map((v) => 3 * v).map((v) => (isNearEnd(v) ? v + 2 * scale : v)), r = wave(COUNT, 4), encode = (values: Float32Array) => Buffer.from(values.buffer).toString("base64");
    const [y, dx] = JSON.parse(torch!(`
import sys, json, base64, numpy as np, torch
given = json.load(sys.stdin)
x, r = [torch.tensor(np.frombuffer(base64.b64decode(given[name]), dtype=np.float32)) for name in "xr"]
x.requires_grad_()
y = torch.fake_quantize_per_tensor_affine(x, given["scale"], given["zero"], 0, 255)
(y * r).sum().backward()
json.dump([y.tolist(), x.grad.tolist()], sys.stdout)`, Buffer.from(JSON.stringify({ x: encode(x), r: encode(r), scale, zero }))).toString()) as number[][];
    expect(dx.filter((v) => v === 0).length).toBeGreaterThan(10);
    for (const pixels of [false, true]) {
      const found = await through(x, r, new SimulatedGrids([gridFor(min, max)], 0).feeds(), { pixels });
      expect(Math.max(...found.y.map((v, i) => Math.abs(v - y[i])))).toBeLessThan(1e-6);
      expect([...found.dx]).toEqual(dx);
      expect(found.extremes).toEqual([Math.min(...x), Math.max(...x)]);
    }
    if (min < 0) return;
    const positive = x.map((v) => Math.max(0, v)), found = await through(positive, r, new SimulatedGrids([gridFor(min, max, true)], 0).feeds(), { isOneSided: true });
    expect([...found.dx]).toEqual(dx.map((v, i) => (x[i] > 0 ? v : r[i])));
    expect(found.extremes).toEqual([undefined, Math.max(...x)]);
  });
});

test("before its delay is over a training sees values as they are, to the bit", async () => {
  const grids = new SimulatedGrids([gridFor(-1, 1)], 0.25), x = wave(COUNT, 5).map((v, i) => v * 10 ** (i % 9 - 4)), r = wave(COUNT, 6);
  for (const step of [0, 9]) {
    const { y, dx } = await through(x, r, grids.feeds({ step, steps: 40 }));
    expect(y).toEqual(x);
    expect(dx).toEqual(r);
  }
  expect(grids.feeds({ step: 10, steps: 40 })).toEqual(grids.feeds());
  // one that is never to see them looks at values alone
  expect(await through(x, r, grids.feeds(), { isObserved: true })).toEqual({ y: x, dx: r, extremes: [Math.min(...x), Math.max(...x)] });
  // the network is judged on its grids at any time
  expect((await through(x, r, grids.feeds())).y).not.toEqual(x);
});

const batch = (least: number, most: number, name = "y") => ({ [leastOutput(name)]: { dims: [], data: Float32Array.of(least) }, [mostOutput(name)]: { dims: [], data: Float32Array.of(most) } });

test("ranges follow moving averages of what batches span, in the proportion in which they were chosen", () => {
  const grids = new SimulatedGrids([gridFor(-1, 2)], 0), range = () => grids.ranges.get("g")!;
  for (let i = 0; i < 20; i++) grids.follow(batch(-2, i % 2 ? 3 : 5), 0.1);
  expect(range()).toEqual({ min: -1, max: 2 });
  const kept = grids.state.map((array) => array.slice());
  grids.follow(batch(-40, 80), 0);
  expect(range()).toEqual({ min: -1, max: 2 });
  grids.follow(batch(-4, 8), 1);
  expect(range().min).toBeCloseTo(-1.01, 6); // −2 became −2 + 0.01·(−4 + 2)
  expect(range().max).toBeCloseTo(2.02, 6); // 4 became 4 + 0.01·(8 − 4)
  for (let i = 0; i < 2000; i++) grids.follow(batch(-4, 8), 0.5);
  expect(range().min).toBeCloseTo(-2, 2);
  expect(range().max).toBeCloseTo(4, 2);
  grids.state.forEach((array, i) => array.set(kept[i]));
  expect(range()).toEqual({ min: -1, max: 2 });
});

test("values that share a grid are seen together, and an end at zero stays there", () => {
  const grids = new SimulatedGrids([{ name: "g", values: [{ name: "a", isOneSided: true }, { name: "b", isOneSided: true }], range: { min: 0, max: 6 }, most: 6 }], 0), both = (a: number, b: number) => grids.follow({ ...batch(NaN, a, "a"), ...batch(NaN, b, "b") }, 1);
  for (let i = 0; i < 20; i++) both(1, 4);
  for (let i = 0; i < 1500; i++) both(2, 1);
  expect(grids.ranges.get("g")!.min).toBe(0);
  expect(grids.ranges.get("g")!.max).toBeCloseTo(3, 4);
  for (let i = 0; i < 1500; i++) both(8, 1);
  const [step, least, most] = gridInputs("g").map((name) => grids.feeds()[name].data[0]);
  // nothing is shown beyond what the network clips to
  expect(most).toBeLessThanOrEqual(6);
  expect(most).toBeCloseTo(6, 4);
  expect([least, step]).toEqual([-0, Math.fround(most / 255)]);
});
