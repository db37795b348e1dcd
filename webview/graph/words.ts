import type { GraphNodeFacts } from "../../src/protocol/api";
import * as format from "../format";
import { t } from "../l10n";
import type { Group } from "./groups";
import type { Kind } from "./kinds";
import type { Item } from "./scene";

/** What is written on nodes and groups, and read out for them. */

/** "residual block ×2 · 64 ch" */
export function groupCaption({ of, count, channels, stride, nodes, layers }: Group, short = false): string {
  if (of === "part") return t("{0} nodes, {1} layers", format.whole(nodes.length), format.whole(layers.length));
  const kind = short ? shortKinds[of] : kindNames[of], times = count > 1 ? ` ×${count}` : stride > 1 ? ` / ${stride}` : "";
  return `${kind}${times}${channels ? ` · ${t("{0} ch", channels)}` : ""}`;
}

/** "If · 5 layers": a node with layers in the graphs inside it. */
export const holderCaption = ({ op, held = [] }: GraphNodeFacts): string => (held.length === 1 ? t("{0} · 1 layer", op) : t("{0} · {1} layers", op, format.whole(held.length)));

const kindNames: Record<Kind, string> = {
  residual: t("residual block"), branches: t("block of branches"), gate: t("gate"), gated: t("gated block"), separable: t("separable block"), bottleneck: t("inverted bottleneck"), attention: t("attention"), forward: t("feed-forward"),
  transformer: t("transformer layer"), block: t("block"), layer: t("layer"), part: t("part"), row: t("row of blocks"),
};
/** For narrow places. */
export const shortKinds: Record<Kind, string> = {
  ...kindNames, residual: t("residual"), branches: t("branches"), gated: t("gated"), separable: t("separable"), bottleneck: t("bottleneck"), transformer: t("transformer"), row: t("row"),
};

const SHORT: Record<string, string> = { BatchNormalization: "BN", LayerNormalization: "LN", InstanceNormalization: "IN", GroupNormalization: "GN", GlobalAveragePool: "Pool", GlobalMaxPool: "Pool", AveragePool: "Pool" };
/** Operators in as few letters as are understood. */
export const shortened = (operators: readonly string[]): string[] => operators.map((op) => SHORT[op] ?? op);

/** One line for a row: "Conv 3×3 · BN · Relu". */
export function rowCaption({ node, group }: Item): string {
  if (group) return groupCaption(group, true);
  if (!node || node.op === "input" || node.op === "output") return "";
  if (node.held) return [holderCaption(node), ...shortened(node.fused)].join(" · ");
  if (node.layer === undefined) return shortened(node.fused).join(" · ");
  return [...shortened(node.caption.split(" · ").map((part) => part.replace(/ ?\d+→\d+$/, "")).filter(Boolean)), ...shortened(node.fused)].join(" · ");
}

/** All that stands on an item, where it may be cut off. */
export function wordsOf({ node, group }: Item): string {
  if (group) return `${group.title}\n${groupCaption(group)}`;
  return [node?.label, node?.held ? holderCaption(node) : node && node.layer !== undefined ? node.caption : node?.op, node?.fused.join(" · ")].filter(Boolean).join("\n");
}

export const bytesOf = ({ node, group }: Item): number => group?.bytes ?? node?.bytes ?? 0;

/** Where a graph begins and ends. */
const borderNames = (): Partial<Record<string, string>> => ({ input: t("input"), output: t("output") });

/** "layers.3.c1, convolution, 128→128, 590 KB, 1.3 % of the layers’ bytes, 2 of 4 in block layers.3" */
export function spoken(item: Item, total: number, place: number, of: number): string {
  const { node, group, parent } = item, bytes = bytesOf(item);
  return [
    group?.title ?? node?.label ?? "", group ? groupCaption(group) : node?.held ? holderCaption(node) : node && node.caption !== node.label ? borderNames()[node.op] ?? (node.caption || node.op) : "", node?.fused.join(", "),
    node && borderNames()[node.op] !== undefined && node.shape ? format.shape(node.shape) : "",
    bytes ? t("{0}, {1} of the layers’ bytes", format.bytes(bytes), format.percent(bytes / (total || 1))) : "", parent?.group ? t("{0} of {1} in {2}", place, of, parent.group.title) : "",
  ].filter(Boolean).join(", ");
}
