import { buildModel } from "../src/onnx/build";
import type { NodeSpec, TensorData } from "../src/onnx/encode";
import { DataType } from "../src/onnx/tensor";
import { Random } from "../src/numeric/random";
import { countOf } from "../src/training/graph";

/** Untrained convolutional networks for benchmarks, with the names that PyTorch's exporter gives. */

export interface Weight { dims: readonly number[]; data: Float32Array }

/** A classifier: samples [batch, C, H, W] come in as `input`, logits [batch, classes] come out. */
export interface Classifier {
  nodes: NodeSpec[];
  weights: ReadonlyMap<string, Weight>;
  /** [C, H, W] */
  shape: readonly number[];
  classes: number;
}

export interface NetworkOptions { shape: readonly number[]; classes: number; seed: number }

export const INPUT = "input", LOGITS = "logits";
const OPSET = 17;

/** Networks by name. */
export const NETWORKS = {
  /** The blocks of He et al., arXiv 1512.03385, with a stem for small images: 3×3 at stride 2, no pooling. */
  "resnet18": (options: NetworkOptions) => resnet(options, { widths: [64, 128, 256, 512], blocks: 2, stemStride: 2 }),
  "resnet8": (options: NetworkOptions) => resnet(options, { widths: [16, 32, 64], blocks: 1, stemStride: 1 }),
  /** Linear layers alone: 1,024 and 1,024 hidden units. */
  "mlp": (options: NetworkOptions) => mlp(options, [1024, 1024]),
  /** LeCun et al.: Gradient-Based Learning Applied to Document Recognition, 1998, as PyTorch's example has it, with 800 hidden units: as many as come out of the convolutions. */
  "lenet": (options: NetworkOptions) => lenet(options, 800),
  "vgg-small": (options: NetworkOptions) => vgg(options, [32, 64, 128]),
  "vgg-tiny": (options: NetworkOptions) => vgg(options, [16, 32, 64]),
  /** Depthwise and pointwise convolutions in turns, as in MobileNet (Howard et al., arXiv 1704.04861). */
  "mobilenet-small": (options: NetworkOptions) => mobilenet(options, [[64, 1], [96, 2], [96, 1], [128, 2], [128, 1], [192, 2], [192, 1]]),
  /** Normalization before each convolution, and so not to be folded everywhere (He et al., arXiv 1603.05027). */
  "preresnet8": (options: NetworkOptions) => preactivated(options, [16, 32, 64]),
} as const;

/** Networks for small images without colours. */
export const FOR_DIGITS: readonly string[] = ["mlp", "lenet"];

export type NetworkName = keyof typeof NETWORKS;
export const isNetworkName = (name: string): name is NetworkName => name in NETWORKS;

/** The file, operator set 17, normalizations not folded. */
export function encodeClassifier({ nodes, weights, shape, classes }: Classifier): Uint8Array {
  const initializers = Array.from(weights, ([name, { dims, data }]): TensorData => ({ name, dims: [...dims], type: DataType.FLOAT, raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }));
  return buildModel({ nodes, initializers, opset: OPSET, inputs: [{ name: INPUT, type: DataType.FLOAT, shape: ["batch", ...shape] }], outputs: [{ name: LOGITS, type: DataType.FLOAT, shape: ["batch", classes] }] });
}

/** Residual networks of basic blocks, each stage after the first at half the size. */
function resnet(options: NetworkOptions, { widths, blocks, stemStride }: { widths: readonly number[]; blocks: number; stemStride: number }): Classifier {
  const modules = new Modules(options.seed);
  let channels = widths[0], x = modules.conv(INPUT, "conv1", options.shape[0], channels, 3, stemStride);
  x = modules.relu(modules.norm(x, "bn1", channels), "relu");
  widths.forEach((width, stage) => {
    for (let block = 0; block < blocks; block++) {
      x = modules.residual(x, `layer${stage + 1}.${block}`, channels, width, stage && !block ? 2 : 1);
      channels = width;
    }
  });
  return modules.classify(x, "fc", channels, options);
}

/** Stages of two convolutions and a pool. */
function vgg(options: NetworkOptions, widths: readonly number[]): Classifier {
  const modules = new Modules(options.seed);
  let x = INPUT, channels = options.shape[0], at = 0;
  const next = () => `features.${at++}`;
  for (const width of widths) {
    for (let i = 0; i < 2; i++) {
      x = modules.conv(x, next(), channels, width);
      x = modules.relu(modules.norm(x, next(), width), next());
      channels = width;
    }
    x = modules.add("MaxPool", [x], next(), { kernel_shape: [2, 2], strides: [2, 2] });
  }
  return modules.classify(x, "classifier", channels, options);
}

/** A stem of 32 channels, then pairs of a depthwise convolution with a stride and a pointwise one to a width. */
function mobilenet(options: NetworkOptions, pairs: readonly (readonly [width: number, stride: number])[]): Classifier {
  const modules = new Modules(options.seed);
  let channels = 32, x = modules.relu(modules.norm(modules.conv(INPUT, "stem.0", options.shape[0], channels), "stem.1", channels), "stem.2");
  pairs.forEach(([width, stride], i) => {
    x = modules.relu(modules.norm(modules.conv(x, `blocks.${i}.0`, channels, channels, 3, stride, channels), `blocks.${i}.1`, channels), `blocks.${i}.2`);
    x = modules.relu(modules.norm(modules.conv(x, `blocks.${i}.3`, channels, width, 1), `blocks.${i}.4`, width), `blocks.${i}.5`);
    channels = width;
  });
  return modules.classify(x, "classifier", channels, options);
}

/** One pre-activated residual block a stage. */
function preactivated(options: NetworkOptions, widths: readonly number[]): Classifier {
  const modules = new Modules(options.seed);
  let channels = widths[0], x = modules.conv(INPUT, "conv1", options.shape[0], channels);
  widths.forEach((width, i) => {
    const block = `layer${i + 1}`, stride = i ? 2 : 1, active = modules.relu(modules.norm(x, `${block}.bn1`, channels), `${block}.relu`);
    const inner = modules.relu(modules.norm(modules.conv(active, `${block}.conv1`, channels, width, 3, stride), `${block}.bn2`, width), `${block}.relu_1`), outer = modules.conv(inner, `${block}.conv2`, width, width);
    x = modules.add("Add", [outer, channels === width && stride === 1 ? x : modules.conv(active, `${block}.downsample`, channels, width, 1, stride)], block);
    channels = width;
  });
  return modules.classify(modules.relu(modules.norm(x, "bn", channels), "relu"), "fc", channels, options);
}

/** Two convolutions of 5×5 without padding, each with a pool, and two linear layers. */
function lenet(options: NetworkOptions, hidden: number): Classifier {
  const modules = new Modules(options.seed), stages = [20, 50];
  let x = INPUT, channels = options.shape[0], [, height, width] = options.shape;
  stages.forEach((size, i) => {
    x = modules.add("MaxPool", [modules.relu(modules.valid(x, `conv${i + 1}`, channels, size, 5), `relu${i + 1}`)], `pool${i + 1}`, { kernel_shape: [2, 2], strides: [2, 2] });
    [channels, height, width] = [size, (height - 4) >> 1, (width - 4) >> 1];
  });
  x = modules.add("Flatten", [x], "flatten", { axis: 1 });
  modules.linear(modules.relu(modules.linear(x, "fc1", channels * height * width, hidden), "relu3"), "fc2", hidden, options.classes, LOGITS);
  return modules.network(options);
}

/** Linear layers with rectifiers between them. */
function mlp(options: NetworkOptions, hidden: readonly number[]): Classifier {
  const modules = new Modules(options.seed);
  let x = modules.add("Flatten", [INPUT], "flatten", { axis: 1 }), size = countOf(options.shape);
  hidden.forEach((width, i) => {
    x = modules.relu(modules.linear(x, `layers.${2 * i}`, size, width), `layers.${2 * i + 1}`);
    size = width;
  });
  modules.linear(x, `layers.${2 * hidden.length}`, size, options.classes, LOGITS);
  return modules.network(options);
}

/** Nodes and weights of a network, module by module. */
class Modules {
  private readonly nodes: NodeSpec[] = [];
  private readonly weights = new Map<string, Weight>();
  private readonly random: Random;

  constructor(seed: number) { this.random = new Random(seed, 1); }

  /** A node of a module; its name is the module's place in the tree, where children of a sequence repeat the name of their parent. */
  add(op: string, inputs: string[], module: string, attributes?: NodeSpec["attributes"], given?: string): string {
    const parts = module.split(".").filter(Boolean), name = ["", ...parts.map((part, i) => (/^\d+$/.test(part) ? `${parts[i - 1]}.${part}` : part)), op].join("/"), output = given ?? `${name}_output_0`;
    this.nodes.push({ op, name, inputs, outputs: [output], attributes });
    return output;
  }

  conv(x: string, module: string, from: number, to: number, kernel = 3, stride = 1, group = 1): string {
    const weight = this.weight(`${module}.weight`, [to, from / group, kernel, kernel], () => this.normal() * Math.sqrt(2 * group / (to * kernel * kernel))), pad = kernel >> 1;
    return this.add("Conv", [x, weight], module, { dilations: [1, 1], group, kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad], strides: [stride, stride] });
  }

  /** A convolution with biases that keeps within the map. */
  valid(x: string, module: string, from: number, to: number, kernel: number): string {
    const uniform = () => (2 * this.random.next() - 1) / Math.sqrt(from * kernel * kernel), weight = this.weight(`${module}.weight`, [to, from, kernel, kernel], uniform), bias = this.weight(`${module}.bias`, [to], uniform);
    return this.add("Conv", [x, weight, bias], module, { dilations: [1, 1], group: 1, kernel_shape: [kernel, kernel], pads: [0, 0, 0, 0], strides: [1, 1] });
  }

  norm(x: string, module: string, channels: number): string {
    const vector = (name: string, value: number) => this.weight(`${module}.${name}`, [channels], () => value);
    return this.add("BatchNormalization", [x, vector("weight", 1), vector("bias", 0), vector("running_mean", 0), vector("running_var", 1)], module, { epsilon: { float: 1e-5 } });
  }

  relu(x: string, module: string): string { return this.add("Relu", [x], module); }

  residual(x: string, block: string, from: number, to: number, stride: number): string {
    const inner = this.relu(this.norm(this.conv(x, `${block}.conv1`, from, to, 3, stride), `${block}.bn1`, to), `${block}.relu`);
    const outer = this.norm(this.conv(inner, `${block}.conv2`, to, to), `${block}.bn2`, to), isSame = from === to && stride === 1;
    const shortcut = isSame ? x : this.norm(this.conv(x, `${block}.downsample.0`, from, to, 1, stride), `${block}.downsample.1`, to);
    return this.relu(this.add("Add", [outer, shortcut], block), `${block}.relu_1`);
  }

  linear(x: string, module: string, from: number, to: number, output?: string): string {
    const uniform = () => (2 * this.random.next() - 1) / Math.sqrt(from);
    return this.add("Gemm", [x, this.weight(`${module}.weight`, [to, from], uniform), this.weight(`${module}.bias`, [to], uniform)], module, { alpha: { float: 1 }, beta: { float: 1 }, transB: 1 }, output);
  }

  /** The mean of each feature map, and a linear layer on them. */
  classify(x: string, module: string, channels: number, options: NetworkOptions): Classifier {
    this.linear(this.add("Flatten", [this.add("GlobalAveragePool", [x], "avgpool")], "", { axis: 1 }), module, channels, options.classes, LOGITS);
    return this.network(options);
  }

  network({ shape, classes }: NetworkOptions): Classifier { return { nodes: this.nodes, weights: this.weights, shape, classes }; }

  private weight(name: string, dims: readonly number[], value: () => number): string {
    this.weights.set(name, { dims, data: Float32Array.from({ length: countOf(dims) }, value) });
    return name;
  }

  /** A number of the normal distribution (Box, Muller). */
  private normal(): number { return Math.sqrt(-2 * Math.log(1 - this.random.next())) * Math.cos(2 * Math.PI * this.random.next()); }
}
