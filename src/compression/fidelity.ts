import { batchSize, readBatches, runEvaluation, type Outcome } from "../evaluation/evaluate";
import { doubtOf } from "../evaluation/labels";
import type { CompressRequest, Device } from "../protocol/api";
import type { Fidelity } from "../protocol/report";
import { openOn } from "../runtime/devices";
import { BATCH, type EvaluationSet } from "./data";
import type { Host } from "./host";

/** What was measured, where, and what there is to say of it. */
export interface MeasuredFidelity { fidelity: Fidelity; device: Device; notes: string[] }

/** A written file beside its original on samples that nothing was fitted to. */
export async function measureFidelity(request: CompressRequest, output: string, { dataset, held, input }: EvaluationSet, host: Host, onBatch: (text: string, share: number) => void, signal?: AbortSignal): Promise<MeasuredFidelity> {
  const batch = batchSize(input, BATCH), [probe] = await readBatches(dataset, held.slice(0, batch.size), batch, signal);
  const { session: reference, note } = await openOn(host.runtime, request.model, { threads: request.threads, device: request.device }, { [input.name]: probe }, 2 * held.length / probe.dims[0]);
  const { device } = reference, session = await host.runtime.open(output, { threads: request.threads, device });
  try {
    const run = (own: boolean): Promise<Outcome> => runEvaluation(own ? session : reference, input, dataset, {
      positions: held, batch, signal,
      onBatch: (done, all) => onBatch(`${done.toLocaleString("en")} of ${all.toLocaleString("en")} images`, (own ? 0 : 0.5) + done / all / 2),
    }, own ? reference : undefined);
    const compressed = await run(true), original = await run(false), notes = note === undefined ? [] : [note];
    notes.push(...doubtOf(original.classifier?.top1Share, held.length, "The original"));
    if (compressed.constant) notes.push("The outputs are the same for all samples, so the comparison says nothing.");
    return {
      device, notes, fidelity: {
        samples: held.length, agreement: compressed.classifier?.agreement, kl: compressed.classifier?.kl,
        sqnrDb: compressed.error?.sqnrDb, relativeError: compressed.error?.relativeError,
        reference: { top1: original.classifier?.top1Share, top5: original.classifier?.top5Share },
        compressed: { top1: compressed.classifier?.top1Share, top5: compressed.classifier?.top5Share },
      },
    };
  } finally {
    await reference.release();
    await session.release();
  }
}
