import { batchesOf, batchSize, changesOf, intervalsOf, labelsIn, Outcome, outputsOf, readBatches } from "../evaluation/evaluate";
import { GainMeter } from "../evaluation/gain";
import { doubtOf, SAYS_NOTHING, trainedOn } from "../evaluation/labels";
import type { CompressRequest, Device } from "../protocol/api";
import type { Gain } from "../protocol/estimates";
import type { Fidelity } from "../protocol/report";
import { openOn } from "../runtime/devices";
import type { Session } from "../runtime/runtime";
import { BATCH, type EvaluationSet } from "./data";
import type { Host } from "./host";

/** What was measured, where, and what there is to say of it. */
export interface MeasuredFidelity { fidelity: Fidelity; device: Device; /** Where a training was. */ gain?: Gain; notes: string[] }

/** A file that was written, and, where it was trained, the bytes of what it would be without that. */
export interface Product { output: string; untrained?: Uint8Array }

/** A written file beside its original on samples that nothing was fitted to, and what its training has changed there. Each network sees each sample once. */
export async function measureFidelity(request: CompressRequest, { output, untrained }: Product, { dataset, held, input }: EvaluationSet, host: Host, onBatch: (text: string, share: number) => void, signal?: AbortSignal): Promise<MeasuredFidelity> {
  const batch = batchSize(input, BATCH), [probe] = await readBatches(dataset, held.slice(0, batch.size), batch, signal);
  const { session: reference, note } = await openOn(host.runtime, request.model, { threads: request.threads, device: request.device }, { [input.name]: probe }, held.length / probe.dims[0]);
  const { device } = reference, open: Session[] = [reference], opened = async (model: string | Uint8Array): Promise<Session> => {
    const session = await host.runtime.open(model, { threads: request.threads, device });
    open.push(session);
    return session;
  };
  try {
    const session = await opened(output), before = untrained && await opened(untrained), [name] = session.outputNames, original = new Outcome(), compressed = new Outcome(), gained = new GainMeter();
    for await (const read of batchesOf(dataset, held, batch, signal)) {
      const wanted = await outputsOf(reference, input, read, name), own = await outputsOf(session, input, read), labels = labelsIn(dataset, read, own);
      original.add(wanted, labels);
      compressed.add(own, labels, wanted);
      if (before) gained.add(wanted.values, (await outputsOf(before, input, read, name)).values, own.values, read.count, own.classes !== undefined);
      onBatch(`${read.done.toLocaleString("en")} of ${held.length.toLocaleString("en")} images`, read.done / held.length);
    }
    const notes = [...(note === undefined ? [] : [note]), ...doubtOf(original.classifier?.top1Share, held.length, "The original"), ...(original.says ? [] : [SAYS_NOTHING]), ...trainedOn(original.classifier?.top1Share, held.length)];
    return {
      device, notes, gain: original.says ? gained.gain : undefined, fidelity: {
        samples: held.length, ...(original.says && { agreement: compressed.classifier?.agreement, kl: compressed.classifier?.kl?.value }),
        sqnrDb: compressed.error?.sqnrDb?.value, relativeError: compressed.error?.relativeError?.value, intervals: intervalsOf(compressed, held.length, original.says), ...(changesOf(compressed) && { changes: changesOf(compressed) }),
        reference: { top1: original.classifier?.top1Share, top5: original.classifier?.top5Share },
        compressed: { top1: compressed.classifier?.top1Share, top5: compressed.classifier?.top5Share },
      },
    };
  } finally {
    for (const session of open) await session.release();
  }
}
