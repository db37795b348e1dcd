import type { GraphNodeFacts, LayerRow } from "../../src/protocol/api";
import * as format from "../format";
import { t } from "../l10n";
import type { Link, Links } from "../layers/details";
import { storedAs } from "../layers/stored";
import type { Group } from "./groups";
import { groupCaption } from "./words";

/** Nodes as text for the clipboard: a line for each fact. */

export function nodeText(node: GraphNodeFacts, row: LayerRow | undefined, links: Links): string {
  const { name, label, op, caption, fused, shape, attributes = [], outputs } = node;
  return lines([
    label, [caption && caption !== label ? caption : op, ...fused].join(" · "), name === label ? undefined : [t("name"), name],
    row && [t("weight"), `${row.name} · ${format.shape(row.shape)} · ${storedAs(row)}`], row && [t("bytes"), `${format.whole(row.bytes)} · ${format.bits(row.bitsPerWeight)} ${t("bits per weight")}`],
    ...attributes, shape && [t("shape"), format.shape(shape)], outputs.length ? [t("tensors"), outputs.join(", ")] : undefined, ...ways(links),
  ]);
}

export function groupText(group: Group, links: Links): string {
  return lines([group.title, groupCaption(group), [t("layers"), group.layers.join(", ")], [t("bytes"), format.whole(group.bytes)], ...ways(links)]);
}

type Line = string | readonly [name: string, value: string] | undefined;
const lines = (all: readonly Line[]): string => `${all.flatMap((line) => (line === undefined ? [] : typeof line === "string" ? line : `${line[0]}: ${line[1]}`)).join("\n")}\n`;
const ways = ({ from, to }: Links): Line[] => [way(t("from"), from), way(t("to"), to)];
const way = (name: string, links: readonly Link[]): Line => (links.length ? [name, links.map(({ text, shape }) => [text, shape].filter(Boolean).join(" ")).join(", ")] : undefined);
