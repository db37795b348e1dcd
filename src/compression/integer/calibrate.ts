import { Observed, type Range, type RangeKind } from "../../evaluation/ranges";
import { extract } from "../../onnx/extract";
import type { Model } from "../../onnx/model";
import { KernelscopeError, throwIfCancelled } from "../../protocol/errors";
import type { Runtime, Tensor } from "../../runtime/runtime";
import type { IntegerPlan } from "./plan";

export interface RangeOptions { kind: RangeKind; percentile?: number }

/** Values whose ranges decide the grids: what only moves elements adds nothing. */
export function sourcesOf({ graph, grids, kinds }: IntegerPlan): string[] {
  return [...grids.keys()].filter((name) => { const producer = graph.producers.get(name); return !producer || kinds.get(producer) !== "move"; });
}

/**
 * Runs samples through a model of floats and chooses a range for each of some values. Memory does not grow with the number of samples.
 * @throws KernelscopeError "unsupported" where activations are no finite numbers
 */
export async function calibrate(model: Model, sources: readonly string[], input: string, batches: AsyncIterable<Tensor> | Iterable<Tensor>, runtime: Runtime, options: RangeOptions, { threads, signal }: { threads?: number; signal?: AbortSignal } = {}): Promise<Map<string, Range>> {
  const observed = new Map(sources.map((name) => [name, new Observed()])), outputs = sources.filter((name) => name !== input);
  const session = await runtime.open(await extract(model, { inputs: [], outputs }), { threads, device: "cpu" });
  try {
    for await (const batch of batches) {
      throwIfCancelled(signal);
      const values = await session.run({ [input]: batch });
      for (const [name, seen] of observed) {
        try {
          seen.add(name === input ? batch.data : values[name].data);
        } catch (error) {
          if (error instanceof RangeError) throw new KernelscopeError("unsupported", `${name} is not finite for some of the images, so no range can be chosen for it. Leave out the images that cause this, or keep inference in floats.`);
          throw error;
        }
      }
    }
  } finally {
    await session.release();
  }
  return new Map([...observed].map(([name, seen]) => [name, seen.range(options.kind, { percentile: options.percentile })]));
}
