import { kernelSize, outputsOf } from "../../methods/rows";
import { extract } from "../../onnx/extract";
import { findLayers, type Layer } from "../../onnx/layers";
import type { Model } from "../../onnx/model";
import { throwIfCancelled } from "../../protocol/errors";
import type { Runtime, Tensor } from "../../runtime/runtime";
import { readRows } from "../rows";
import { Reductions } from "./reductions";

/**
 * How much the outputs of layers are off on average because their weights are rounded, channel by channel: (W̃ − W)·E[x] (Nagel et al.: arXiv 1906.04721, §4.2). Borders of maps count as all the rest does.
 * @returns it by the layers' identities
 */
export async function meanErrors(original: Model, rounded: Model, input: string, batches: readonly Tensor[], runtime: Runtime, { threads, signal }: { threads?: number; signal?: AbortSignal } = {}): Promise<Map<string, Float64Array>> {
  const originals = new Map(findLayers(original).map((layer) => [layer.id, layer])), errors = new Map<string, Float64Array>();
  const layers = findLayers(rounded).filter(({ id, op, consumers }) => (op === "Conv" || op === "Gemm") && consumers.length === 1 && consumers[0].inputs[2] && originals.has(id)), valueOf = ({ id }: Layer) => originals.get(id)!.consumers[0].inputs[0];
  const means = await meansOf(original, layers.map(valueOf), input, batches, runtime, threads, signal);
  for (const layer of layers) {
    const { values: before } = await readRows(original, originals.get(layer.id)!), { values: after, inputs } = await readRows(rounded, layer), mean = means.get(valueOf(layer));
    const outputs = outputsOf(layer), size = kernelSize(layer), channels = inputs / size, perGroup = outputs / layer.groups;
    if (!mean || before.length !== after.length) continue;
    errors.set(layer.id, Float64Array.from({ length: outputs }, (_, m) => {
      const first = Math.floor(m / perGroup) * channels;
      let sum = 0;
      for (let j = 0; j < inputs; j++) sum += (after[m * inputs + j] - before[m * inputs + j]) * mean[first + Math.floor(j / size)];
      return sum;
    }));
  }
  return errors;
}

/** Mean of each channel of some values. */
async function meansOf(model: Model, values: readonly string[], input: string, batches: readonly Tensor[], runtime: Runtime, threads?: number, signal?: AbortSignal): Promise<Map<string, Float64Array>> {
  const inner = values.filter((name) => name !== input), reductions = new Reductions(model, inner, ["mean"]), session = inner.length ? await runtime.open(await extract(model, { inputs: [], ...reductions.part }), { threads, device: "cpu" }) : undefined, sums = new Map<string, Float64Array>();
  let count = 0;
  const add = (name: string, data: Float32Array, channels: number, size: number) => {
    const sum = sums.get(name) ?? new Float64Array(channels);
    sums.set(name, sum);
    data.forEach((v, i) => { sum[Math.floor(i / size) % channels] += v / size; });
  };
  try {
    for (const batch of batches) {
      throwIfCancelled(signal);
      const results = await session?.run({ [input]: batch }) ?? {};
      count += batch.dims[0];
      for (const name of new Set(values)) {
        const reduced = reductions.of(name, results), { dims, data } = name === input ? batch : results[name] ?? batch;
        if (reduced) add(name, reduced.mean, reduced.channels, 1);
        else add(name, data, dims[1], data.length / dims[0] / dims[1]);
      }
    }
  } finally {
    await session?.release();
  }
  return new Map([...sums].map(([name, sum]) => [name, sum.map((v) => v / count)]));
}
