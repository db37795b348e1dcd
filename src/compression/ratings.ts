import * as z from "zod/mini";
import type { Layer } from "../onnx/layers";
import type { CheckpointStore } from "./checkpoint";
import type { LayerSensitivity } from "./sensitivity";

const Rating = z.object({
  candidates: z.array(z.object({ method: z.string(), options: z.record(z.string(), z.unknown()), bytes: z.number(), bits: z.number(), noise: z.number(), loss: z.number() })),
  response: z.array(z.object({ noise: z.number(), loss: z.number(), disagreement: z.number() })),
});
type Rating = z.infer<typeof Rating>;
const Ratings = z.record(z.string(), Rating);

/** Rates layers; hands each rating on as soon as it is there. */
type Rate = (layers: Layer[], onRated: (rating: LayerSensitivity) => Promise<void>) => Promise<LayerSensitivity[]>;

/** Ratings of a model's layers on the same data, kept so that another target or a job that was cut short need not measure them again. */
export class RatingRecord {
  constructor(private readonly store: CheckpointStore | undefined) {}

  /** Ratings of all `layers`: those that are known, and the others by `rate`. */
  async complete(layers: readonly Layer[], rate: Rate): Promise<LayerSensitivity[]> {
    const known = await this.load();
    const found: LayerSensitivity[] = [], missing: Layer[] = [];
    for (const layer of layers) {
      const rating = known.get(layer.id);
      if (rating) found.push({ layer, candidates: rating.candidates.map((c) => ({ layer, ...c })), response: rating.response });
      else missing.push(layer);
    }
    if (!missing.length) return found;
    return [...found, ...await rate(missing, async ({ layer, candidates, response }) => {
      known.set(layer.id, { candidates: candidates.map(({ method, options, bytes, bits, noise, loss }) => ({ method, options: { ...options }, bytes, bits, noise, loss })), response });
      await this.store?.save("ratings", new TextEncoder().encode(JSON.stringify(Object.fromEntries(known))));
    })];
  }

  /** Whether {@link complete} has nothing left to rate. */
  async knows(layers: readonly Layer[]): Promise<boolean> {
    const known = await this.load();
    return layers.every(({ id }) => known.has(id));
  }

  private async load(): Promise<Map<string, Rating>> {
    const bytes = await this.store?.load("ratings");
    if (!bytes) return new Map();
    try {
      return new Map(Object.entries(Ratings.parse(JSON.parse(new TextDecoder().decode(bytes)))));
    } catch {
      return new Map(); // cut off or from another version: measured again
    }
  }
}
