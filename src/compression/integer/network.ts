import type { Model } from "../../onnx/model";
import type { Runtime } from "../../runtime/runtime";
import type { Batches } from "../flow";
import { equalize } from "./equalize";
import { readyForIntegers, type ReadyModel } from "./ready";

/** The network that integers are made of: normalizations folded and, where there are samples, channels of like ranges. Layers keep their identities. */
export async function integerNetwork(original: Model, samples: Batches | undefined, runtime: Runtime, { threads, signal }: { threads?: number; signal?: AbortSignal } = {}): Promise<ReadyModel> {
  const ready = await readyForIntegers(original);
  if (!samples) return ready;
  const { model, pairs } = await equalize(ready.model, samples.input, samples.batches, runtime, { threads, signal });
  return { model, notes: [...ready.notes, ...(pairs ? [`The ranges of channels are equalised between ${pairs === 1 ? "one pair" : `${pairs} pairs`} of layers.`] : [])] };
}
