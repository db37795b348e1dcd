import type { Flip, Origins } from "../../src/protocol/accuracy";

/** Flips by the layer at which their error begins, in the order of the network; those that begin nowhere last, and in the order of the samples otherwise. */
export function inOrderOfLayers(flips: readonly Flip[], of: ReadonlyMap<number, string | undefined>, layers: Origins["layers"]): Flip[] {
  const places = new Map(layers.map(({ id }, i) => [id, i])), place = ({ position }: Flip): number => places.get(of.get(position) ?? "") ?? layers.length;
  return [...flips].sort((a, b) => place(a) - place(b) || a.position - b.position);
}

/** How many flips begin at each layer. */
export function countByLayer({ found }: Origins): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layer } of found) if (layer !== undefined) counts.set(layer, (counts.get(layer) ?? 0) + 1);
  return counts;
}
