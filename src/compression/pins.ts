import { methodById } from "../methods/registry";
import { findLayers } from "../onnx/layers";
import { shareOf } from "../protocol/pruning";
import { formatBytes, parseTarget, targetBytes } from "../protocol/sizes";
import { triesPruning } from "./prune/choose";
import type { Job } from "./goal";
import type { OpenedModel } from "./host";
import { parseOptions } from "./recipe";
import { findByName } from "./write";

/** Why the size that a job asks for cannot be reached, where what its recipe pins tells that before any layer is rated. Where channels go, only what the recipe leaves alone is sure to stay as large. */
export function pinsProblem(job: Job, opened: Pick<OpenedModel, "model" | "bytes">): string | undefined {
  const { request: { target, prune }, recipe: { layers: settings = {} } } = job;
  if (target === undefined) return undefined;
  const layers = findLayers(opened.model), limit = targetBytes(parseTarget(target), opened.bytes), shrinks = shareOf(prune) !== undefined || triesPruning(job, opened), pinned: string[] = [];
  let bytes = 0;
  for (const [name, { method, options, pin }] of Object.entries(settings)) {
    const layer = findByName(layers, name);
    if (!layer || layer.blocked !== undefined) continue;
    const own = pin === "leave" ? layer.bytes : shrinks ? 0 : method !== undefined && options !== undefined ? methodById(method).bytes(layer, parseOptions(method, options, layer.id), true) : typeof pin === "object" ? pin.atLeastBits * layer.parameters / 8 : 0;
    if (own > 0) pinned.push(layer.label);
    bytes += own;
  }
  return bytes < limit ? undefined : `${formatBytes(limit)} cannot be reached: what the recipe pins takes ${formatBytes(Math.ceil(bytes))} by itself (${pinned.join(", ")}). Unpin a layer, or give a larger size.`;
}
