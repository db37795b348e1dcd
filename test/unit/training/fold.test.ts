import { expect, test } from "vitest";
import { encodeClassifier, INPUT, LOGITS, NETWORKS } from "../../../bench/networks";
import { nodeRuntime } from "../../../src/runtime/node";
import type { Tensor } from "../../../src/runtime/runtime";
import { foldNormalizations } from "../../../src/training/fold";
import { countOf } from "../../../src/training/graph";
import { readNetwork, type Network } from "../../../src/training/network";
import { teacherInput } from "../../../src/training/objective";
import { buildStep, gradientOutput, LOSS } from "../../../src/training/step";
import { open, wave } from "../onnx/models";

const DIMS = [4, 3, 16, 16];

/** A residual network whose normalizations have statistics of their own, and all that is trained in it. */
async function residual(): Promise<{ network: Network; trained: string[] }> {
  const classifier = NETWORKS.resnet8({ shape: DIMS.slice(1), classes: 10, seed: 3 }), trained = [...classifier.weights.keys()].filter((name) => !name.includes("running"));
  for (const [name, { data }] of classifier.weights) if (name.endsWith("running_var")) data.forEach((_, i) => { data[i] = 0.5 + i % 3; });
    else if (name.endsWith("running_mean") || name.endsWith("bias")) data.forEach((_, i) => { data[i] = Math.sin(i); });
  return { network: await readNetwork(await open(encodeClassifier(classifier)), { name: INPUT, dims: DIMS }, [LOGITS], trained), trained };
}

async function stepOf(network: Network, trained: readonly string[], layout: "plain" | "pixels"): Promise<Record<string, Tensor>> {
  const parameters = trained.map((name) => ({ name, dims: network.constants.get(name)!.dims }));
  const step = buildStep(network, { parameters, objective: { kind: "distillation", temperature: 2 }, mode: { statistics: "fixed", layout } }), session = await nodeRuntime.open(step.model, { threads: 1 });
  const feeds: Record<string, Tensor> = { [INPUT]: { dims: DIMS, data: wave(countOf(DIMS)) }, [teacherInput(0)]: { dims: [DIMS[0], 10], data: wave(DIMS[0] * 10, 5) } };
  for (const { name, dims } of parameters) feeds[name] = { dims, data: network.constants.get(name)!.data as Float32Array };
  const results = await session.run(feeds);
  await session.release();
  return results;
}

test.each(["plain", "pixels"] as const)("a folded network has the same loss and gradients, laid out %s", async (layout) => {
  const { network, trained } = await residual(), folded = foldNormalizations(network), [before, after] = [await stepOf(network, trained, layout), await stepOf(folded, trained, layout)];
  expect(after[LOSS].data[0]).toBeCloseTo(before[LOSS].data[0], 4);
  for (const name of trained) {
    const a = before[gradientOutput(name)].data, b = after[gradientOutput(name)].data, size = Math.hypot(...a);
    expect(Math.hypot(...a.map((v, i) => v - b[i])) / size, name).toBeLessThan(1e-4);
  }
});

test("what is larger than the map behind it stays, and so does what is used twice", async () => {
  const { network } = await residual(), left = (one: Network) => one.nodes.filter(({ op }) => op === "BatchNormalization").map(({ outputs }) => outputs[0]);
  expect(left(network)).toHaveLength(9);
  // the last stage's convolutions of 64×64×3×3 put out 4×64×4×4
  const few = left(foldNormalizations(network));
  expect(few.length).toBeGreaterThan(0);
  expect(few.length).toBeLessThan(4);
  const [first] = network.nodes.filter(({ op }) => op === "Conv"), twice = { ...network, outputs: [...network.outputs, first.outputs[0]] };
  expect(left(foldNormalizations(twice))).toHaveLength(few.length + 1);
});
