import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { encodeClassifier, NETWORKS, type NetworkName } from "../../../bench/networks";
import { python } from "../../helpers/python";
import { wave } from "../onnx/models";

const check = python("onnx"), options = { shape: [3, 32, 32], classes: 10, seed: 1 };

test.each<[NetworkName, number]>([["resnet18", 11_173_962], ["vgg-small", 288_746], ["resnet8", 78_042], ["mlp", 4_206_602], ["mobilenet-small", 120_266], ["preresnet8", 77_850]])("%s has the size of its original and runs", async (name, parameters) => {
  const network = NETWORKS[name](options), file = encodeClassifier(network);
  const trained = [...network.weights].filter(([weight]) => !weight.includes("running"));
  expect(trained.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(parameters);
  check?.("import sys, onnx; onnx.checker.check_model(sys.stdin.buffer.read(), full_check=True)", Buffer.from(file));
  const { logits } = await (await ort.InferenceSession.create(file, { logSeverityLevel: 3 })).run({ input: new ort.Tensor("float32", wave(2 * 3 * 32 * 32), [2, 3, 32, 32]) });
  expect(logits.dims).toEqual([2, 10]);
  expect([...logits.data as Float32Array].every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
});

test("names are those of PyTorch's exporter", () => {
  const { nodes, weights } = NETWORKS.resnet18(options);
  expect(weights.get("layer1.0.conv1.weight")?.dims).toEqual([64, 64, 3, 3]);
  expect(weights.get("layer4.0.downsample.0.weight")?.dims).toEqual([512, 256, 1, 1]);
  expect(nodes.map(({ name }) => name)).toContain("/layer2/layer2.0/downsample/downsample.1/BatchNormalization");
});
