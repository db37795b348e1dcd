import { Random } from "../src/numeric/random";
import { constantTensor } from "../src/onnx/constants";
import { ModelEdit } from "../src/onnx/edit";
import { intAttribute, type Model } from "../src/onnx/model";
import { DataType, readFloats, type Tensor } from "../src/onnx/tensor";

/**
 * The same function with channels of very different ranges: scale and offset of each normalization whose rectifier goes into one convolution, depthwise or not, are multiplied by a factor of their own for each channel,
 * 1 to `largest`, and the weights behind divided by it.
 * @returns the edit, and how many values are changed so
 */
export async function rescaled(model: Model, { seed, largest }: { seed: number; largest: number }): Promise<{ edit: ModelEdit; values: number }> {
  const { graph } = model, edit = new ModelEdit(model), random = new Random(seed, 1);
  let values = 0;
  const change = async (tensor: Tensor, by: (index: number) => number) => {
    const floats = (await readFloats(model, tensor)).map((v, i) => v * by(i));
    edit.replaceInitializer(graph, tensor.name, { name: tensor.name, dims: tensor.dims, type: DataType.FLOAT, raw: new Uint8Array(floats.buffer) });
  };
  for (const normalization of graph.nodes) {
    if (normalization.op !== "BatchNormalization") continue;
    const [relu, ...others] = graph.consumers.get(normalization.outputs[0]) ?? [], [conv, ...more] = relu ? graph.consumers.get(relu.outputs[0]) ?? [] : [];
    if (relu?.op !== "Relu" || conv?.op !== "Conv" || others.length || more.length) continue;
    const gamma = constantTensor(graph, normalization.inputs[1])!, beta = constantTensor(graph, normalization.inputs[2])!, weight = constantTensor(graph, conv.inputs[1])!;
    const channels = gamma.count, isDepthwise = intAttribute(conv, "group", 1) === channels, size = weight.count / weight.dims[0] / weight.dims[1], factors = Array.from({ length: channels }, () => largest ** random.next());
    await change(gamma, (c) => factors[c]);
    await change(beta, (c) => factors[c]);
    await change(weight, (i) => 1 / factors[isDepthwise ? Math.floor(i / size) : Math.floor(i / size) % channels]);
    values++;
  }
  return { edit, values };
}
