import { Observed } from "../../evaluation/ranges";
import { extract } from "../../onnx/extract";
import type { Model } from "../../onnx/model";
import { KernelscopeError, throwIfCancelled } from "../../protocol/errors";
import type { Runtime, Tensor } from "../../runtime/runtime";
import { Reductions } from "./reductions";

/**
 * Runs samples through a model and remembers what some of its values are. Memory does not grow with the number of samples.
 * @param options.isCounted remember how often values occur, too; where it is not asked for, onnxruntime itself looks for the extremes
 * @throws KernelscopeError "unsupported" where values are no finite numbers
 */
export async function observe(model: Model, names: readonly string[], input: string, batches: AsyncIterable<Tensor> | Iterable<Tensor>, runtime: Runtime, { isCounted, threads, signal }: { isCounted: boolean; threads?: number; signal?: AbortSignal }): Promise<Map<string, Observed>> {
  const observed = new Map(names.map((name) => [name, new Observed()])), inner = names.filter((name) => name !== input), reductions = new Reductions(model, isCounted ? [] : inner, ["least", "most"]);
  const session = await runtime.open(await extract(model, { inputs: [], ...(isCounted ? { outputs: inner } : reductions.part) }), { threads, device: "cpu", unpacksIntegers: true });
  try {
    for await (const batch of batches) {
      throwIfCancelled(signal);
      const values = await session.run({ [input]: batch });
      for (const [name, seen] of observed) {
        const reduced = reductions.of(name, values);
        try {
          if (reduced) seen.addSpans(reduced, reduced.channels);
          else addValue(seen, name === input ? batch : values[name]);
        } catch (error) {
          if (error instanceof RangeError) throw new KernelscopeError("unsupported", `${name} is not finite for some of the images, so no range can be chosen for it. Leave out the images that cause this, or keep inference in floats.`);
          throw error;
        }
      }
    }
  } finally {
    await session.release();
  }
  return observed;
}

/** Adds a value [samples, channels, …], or one that has no such axes. */
function addValue(seen: Observed, { dims, data }: Tensor): void {
  if (dims.length > 2) seen.add(data, dims[0], dims[1]);
  else seen.add(data);
}
