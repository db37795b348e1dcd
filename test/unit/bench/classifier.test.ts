import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { trainClassifier, type ClassifierOptions, type Settings } from "../../../bench/classifier";
import { Course, Examples } from "../../../bench/examples";
import { encodeClassifier, INPUT, NETWORKS, type Classifier } from "../../../bench/networks";
import { argMax } from "../../../src/evaluation/metrics";
import { Random } from "../../../src/numeric/random";
import { nodeRuntime } from "../../../src/runtime/node";
import { LABELS } from "../../../src/training/objective";
import { oneCycleRate } from "../../../src/training/optimizer";
import type { TrainingState } from "../../../src/training/trainer";
import { python } from "../../helpers/python";

const SIDE = 8, SHAPE = [3, SIDE, SIDE], CLASSES = 4, COUNT = 256;
const settings: Settings = { batch: 32, rate: 0.1, decay: 5e-4, smoothing: 0, augmentation: { flip: false, shift: 1 }, seed: 5 };
const torch = python("torch", "numpy"), onnx = python("onnx");

/** Stripes in noise; the class is their direction. */
function stripes(seed: number, count = COUNT): Examples {
  const random = new Random(seed, 9), images = new Uint8Array(count * SIDE * SIDE * 3), labels = Uint8Array.from({ length: count }, () => random.below(CLASSES));
  labels.forEach((label, i) => {
    const angle = label * Math.PI / CLASSES, phase = random.next() * 6.3, hue = [random.next(), random.next(), random.next()];
    for (let y = 0, at = i * SIDE * SIDE * 3; y < SIDE; y++) for (let x = 0; x < SIDE; x++) for (let c = 0; c < 3; c++) {
      images[at++] = 128 + 60 * hue[c] * Math.sin(phase + 1.6 * (x * Math.cos(angle) + y * Math.sin(angle))) + 50 * (random.next() - 0.5);
    }
  });
  return new Examples({ images, labels, shape: SHAPE, classes: CLASSES, mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25] });
}

const examples = stripes(1), tests = stripes(2, 100), classifier = NETWORKS.resnet8({ shape: SHAPE, classes: CLASSES, seed: 1 });
const train = (options: Partial<ClassifierOptions> = {}) => trainClassifier({ runtime: nodeRuntime, threads: 1, classifier, examples, tests, settings, length: { steps: 48 }, ...options });

describe("a classifier trained from its beginning", () => {
  test("knows its examples and new ones, and so does its file in onnxruntime", async () => {
    const epochs: number[] = [], { result, step } = await train({ tests: examples, onEpoch: ({ epoch, test: { accuracy } }) => { epochs.push(epoch, accuracy); } });
    expect(step).toBe(48);
    expect(epochs.filter((_, i) => i % 2 === 0)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(epochs[epochs.length - 1]).toBe(result!.test.accuracy);
    expect(result!.test.accuracy).toBeGreaterThan(0.9);
    const file = encodeClassifier(result!.classifier), session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
    onnx?.("import sys, onnx; onnx.checker.check_model(sys.stdin.buffer.read(), full_check=True)", Buffer.from(file));
    const right = async (from: Examples) => {
      const { data, dims } = from.read(Array.from({ length: from.count }, (_, i) => i)), { logits } = await session.run({ [INPUT]: new ort.Tensor("float32", data, dims) });
      return Array.from(from.labels).filter((label, i) => argMax((logits.data as Float32Array).subarray(i * CLASSES, (i + 1) * CLASSES)) === label).length / from.count;
    };
    expect(await right(examples)).toBe(result!.test.accuracy);
    expect(await right(tests)).toBeGreaterThan(0.9);
  });

  test("goes on from a checkpoint to the same weights", async () => {
    const kept: TrainingState[] = [], stop = new AbortController(), whole = await train();
    let steps = 0;
    const cut = await train({ stop: stop.signal, onStep: () => { if (++steps === 11) stop.abort(); }, checkpoint: { load: async () => undefined, save: async (state) => { kept.push(structuredClone(state)); } } });
    expect(kept.at(-1)!.step).toBe(11);
    expect(cut).toMatchObject({ step: 11, steps: 48 });
    expect(cut.result).toBeUndefined();
    const resumed = await train({ length: { steps: 3 }, checkpoint: { load: async () => kept.at(-1), save: async () => undefined }, onStep: () => { steps++; } });
    expect(steps).toBe(48);
    expect(resumed.loss).toBe(whole.loss);
    for (const [name, { data }] of whole.result!.classifier.weights) expect(resumed.result!.classifier.weights.get(name)!.data, name).toEqual(data);
  });

  test("a time is turned into steps, and what was learned meanwhile is forgotten", async () => {
    const stop = new AbortController(), kept: TrainingState[] = [], checkpoint = { load: async () => undefined, save: async (state: TrainingState) => { kept.push(structuredClone(state)); } };
    stop.abort();
    const stepsIn = async (seconds: number) => (await train({ length: { seconds }, stop: stop.signal, checkpoint })).steps;
    expect(await stepsIn(1e-6)).toBe(1);
    expect(await stepsIn(1e6)).toBeGreaterThan(1000);
    await train({ stop: stop.signal, checkpoint });
    expect(kept.map(({ step }) => step)).toEqual([0, 0, 0]);
    expect(kept[1].arrays).toEqual(kept[2].arrays);
  });
});

/** The means of the first losses in PyTorch, after each step. */
function theirs({ nodes, weights }: Classifier, batches: { samples: Float32Array; labels: Float32Array }[], rates: number[]): number[] {
  const encode = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  const output = torch!(`
import sys, json, base64, numpy as np, torch
import torch.nn.functional as F
torch.set_num_threads(1)
task = json.load(sys.stdin)
read = lambda text, dims: torch.tensor(np.frombuffer(base64.b64decode(text), dtype=np.float32).astype(np.float64).reshape(dims))
weights = {name: read(data, dims) for name, (dims, data) in task["weights"].items()}
trained = {name: value.requires_grad_() for name, value in weights.items() if "running" not in name}
sgd = torch.optim.SGD([
  {"params": [value for value in trained.values() if value.dim() > 1], "weight_decay": task["decay"]},
  {"params": [value for value in trained.values() if value.dim() == 1], "weight_decay": 0},
], lr=1, momentum=0.9, nesterov=True)
operators = {
  "Conv": lambda a, x, w: F.conv2d(x, w, None, a["strides"], a["pads"][:2]),
  "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, True),
  "Relu": lambda a, x: F.relu(x), "Add": lambda a, x, y: x + y, "MaxPool": lambda a, x: F.max_pool2d(x, a["kernel_shape"]),
  "GlobalAveragePool": lambda a, x: F.adaptive_avg_pool2d(x, 1), "Flatten": lambda a, x: x.flatten(1), "Gemm": lambda a, x, w, b: F.linear(x, w, b),
}
losses = []
for batch, rate in zip(task["batches"], task["rates"]):
    labels = read(batch["labels"], [task["batch"], task["classes"]])
    values = {**weights, "input": read(batch["samples"], [task["batch"], *task["shape"]])}
    for node in task["nodes"]:
        values[node["outputs"][0]] = operators[node["op"]](node.get("attributes", {}), *[values[name] for name in node["inputs"]])
    loss = -(labels * F.log_softmax(values["logits"], 1)).sum(1).mean()
    for group in sgd.param_groups: group["lr"] = rate
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    losses.append(loss.item())
print(json.dumps([sum(losses[:i + 1]) / (i + 1) for i in range(len(losses))]))
`, Buffer.from(JSON.stringify({
    nodes, weights: Object.fromEntries(Array.from(weights, ([name, { dims, data }]) => [name, [dims, encode(data)]])), rates, decay: settings.decay, batch: settings.batch, classes: CLASSES, shape: SHAPE,
    batches: batches.map(({ samples, labels }) => ({ samples: encode(samples), labels: encode(labels) })),
  })));
  return JSON.parse(output.toString()) as number[];
}

test.skipIf(!torch).each(["resnet8", "vgg-small"] as const)("%s has PyTorch's losses in its first ten steps", async (name) => {
  const network = NETWORKS[name]({ shape: SHAPE, classes: CLASSES, seed: 4 }), own = { ...settings, rate: settings.rate / 4, smoothing: 0.1 }, losses: number[] = [];
  await train({ classifier: network, settings: own, length: { steps: 10 }, onStep: (loss) => { losses.push(loss); } });
  const course = new Course(examples, { input: INPUT, ...own }), batches: { samples: Float32Array; labels: Float32Array }[] = [];
  for (let step = 0; step < 10; step++) {
    const inputs = await course.inputs(step);
    batches.push({ samples: inputs[INPUT].data, labels: inputs[LABELS].data });
  }
  const expected = theirs(network, batches, losses.map((_, step) => own.rate * oneCycleRate(step, 10)));
  losses.forEach((loss, step) => { expect(Math.abs(loss / expected[step] - 1), `step ${step}`).toBeLessThan(1e-3); });
});
