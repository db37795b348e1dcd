import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { simulate } from "../../src/compression/integer/simulate";
import { Student } from "../../src/compression/student";
import { openDataset } from "../../src/evaluation/dataset";
import type { Tensor } from "../../src/runtime/runtime";
import { readNetwork } from "../../src/training/network";
import { Trainer } from "../../src/training/trainer";
import { nodeHost } from "../../src/worker/host";
import { asIntegers, bytesOf, type AsIntegers } from "../helpers/integers";
import { mobile } from "../helpers/mobile";
import { wave } from "../unit/onnx/models";

/** Training with simulated quantization: what it sees is what the file does. */

type NodeHost = Awaited<ReturnType<typeof nodeHost>>;

/** Outputs as the training of a network of integers sees them, on its grids or in floats. */
async function simulated({ plan, found, ready, fitted }: AsIntegers, samples: Tensor, outputs: readonly string[], { runtime }: NodeHost, isOn = true): Promise<Tensor[]> {
  const student = await Student.of(ready, fitted), input = ready.graph.inputs[0].name, floats = await readNetwork(ready, { name: input, dims: samples.dims }, outputs, student.trainables.map(({ parameter: { name } }) => name));
  for (const [name, data] of student.changed) floats.constants.set(name, { ...floats.constants.get(name)!, data });
  const { network, grids } = isOn ? simulate(floats, { plan, ranges: found, delay: 0 }) : { network: floats };
  const trainer = new Trainer({ runtime, threads: 1, network, simulated: grids, trainables: student.trainables, objective: { kind: "squaredError" }, statistics: "fixed", inputs: async () => ({}), rate: () => 0 });
  await trainer.open();
  try {
    return await trainer.predictor()(samples);
  } finally {
    await trainer.close();
  }
}

/** The same of the file, on onnxruntime. */
async function written({ model }: AsIntegers, samples: Tensor, outputs: readonly string[], { runtime }: NodeHost): Promise<Tensor[]> {
  const session = await runtime.open(await bytesOf(model), { threads: 1 }), results = await session.run({ [model.graph.inputs[0].name]: samples });
  await session.release();
  return outputs.map((name) => results[name]);
}

/** Share of values that are farther from each other than so many steps of their grid. */
function apart(a: Tensor, b: Tensor, step: number, steps: number): number {
  expect(a.dims).toEqual(b.dims);
  return a.data.filter((v, i) => Math.abs(v - b.data[i]) > (steps + 1e-3) * step).length / a.data.length;
}

const stepOf = ({ plan, found }: AsIntegers, name: string): number => {
  const spans = [...plan.grids].filter(([, root]) => root === plan.grids.get(name)).flatMap(([value]) => found.get(value) ?? []);
  return (Math.max(...spans.map(({ max }) => max)) - Math.min(...spans.map(({ min }) => min))) / 255;
};

test("a network with gates, tables, joins, moves and parts that stay float is simulated value by value", async () => {
  const host = await nodeHost({ threads: 1 }), inner = ["swish", "deep6", "squeezed", "gate", "block", "leaky", "padded", "most"], samples: Tensor[] = [1, 2].map((seed) => ({ dims: [8, 3, 16, 16], data: wave(8 * 768, seed).map((v) => 2 * v) }));
  for (const bits of [8, 4]) {
    const integers = await asIntegers(mobile(14, inner), "x", samples, host, { bits }), [y, ...values] = await simulated(integers, samples[0], ["y", ...inner], host), [z, ...others] = await written(integers, samples[0], ["y", ...inner], host), floats = await simulated(integers, samples[0], ["y", ...inner], host, false);
    inner.forEach((name, i) => {
      const step = stepOf(integers, name), isMap = values[i].dims[2] > 1;
      // a mean over a map that is off by a unit is some more behind a layer whose grid is finer
      expect(apart(values[i], others[i], step, isMap ? 1 : 6), name).toBeLessThan(bits === 8 ? 0.01 : 0.05);
      if (isMap) expect(apart(values[i], others[i], step, 0), name).toBeLessThan(bits === 8 ? 0.02 : 0.3);
      // what is not simulated is another thing
      expect(apart(floats[i + 1], others[i], step, 0), name).toBeGreaterThan(0.2);
    });
    const size = Math.sqrt(z.data.reduce((sum, v) => sum + v * v, 0)), off = (other: Tensor) => Math.sqrt(z.data.reduce((sum, v, i) => sum + (v - other.data[i]) ** 2, 0)) / size;
    expect(off(y)).toBeLessThan(0.01);
    expect(off(floats[0])).toBeGreaterThan(off(y));
  }
  await host.close();
});

test("a normalization that cannot be folded is simulated, as whole numbers and as floats", async () => {
  const host = await nodeHost({ threads: 1 }), { nodes, weights } = NETWORKS.preresnet8({ shape: [3, 16, 16], classes: 10, seed: 3 }), bytes = encodeClassifier({ nodes, weights, shape: [3, 16, 16], classes: 10 }), samples: Tensor[] = [1, 2].map((seed) => ({ dims: [4, 3, 16, 16], data: wave(4 * 768, seed) }));
  for (const normalizations of ["float", "fixedPoint"] as const) {
    const integers = await asIntegers(bytes, "input", samples, host, { normalizations }), [a] = await simulated(integers, samples[0], ["logits"], host), [b] = await written(integers, samples[0], ["logits"], host), [floats] = await simulated(integers, samples[0], ["logits"], host, false);
    const off = (other: Tensor) => Math.sqrt(b.data.reduce((sum, v, i) => sum + (v - other.data[i]) ** 2, 0) / b.data.reduce((sum, v) => sum + v * v, 0));
    expect(off(a), normalizations).toBeLessThan(off(floats) / 2);
  }
  await host.close();
});

test("predictions of the simulated sample are those of its file", async () => {
  const host = await nodeHost({ threads: 1 }), images = await openDataset(await host.openData(path.resolve("samples/fashion-mnist")), { name: "input", type: "float32", shape: ["n", 1, 28, 28] }), positions = Array.from({ length: 128 }, (_, i) => i * 3);
  const samples: Tensor = { dims: [128, 1, 28, 28], data: await images.batch(positions) }, integers = await asIntegers(readFileSync("samples/fashion-cnn.onnx"), "input", [samples], host, { bits: 3, ranges: "meanSquaredError" }), { graph: { outputs: [{ name }] } } = integers.model;
  const [a] = await simulated(integers, samples, [name], host), [b] = await written(integers, samples, [name], host), best = ({ data }: Tensor, i: number) => { const row = data.subarray(10 * i, 10 * i + 10); return row.indexOf(Math.max(...row)); };
  expect(positions.filter((_, i) => best(a, i) !== best(b, i)).length).toBeLessThanOrEqual(1);
  await host.close();
});
