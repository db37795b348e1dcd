import type { ComparedLayer } from "../../src/protocol/compare";

/** What layers of two models are called beside each other. */

/** Names without what most dotted ones begin with: "layer1.0.conv1" beside "layer2.0.conv1" is 1.0.conv1. */
export function shortNames(labels: readonly string[]): string[] {
  const stemOf = (label: string): string => (/[./]/.test(label) ? label.split(/[./]/)[0].replace(/\d+$/, "") : ""), stems = new Map<string, string[]>();
  for (const label of labels) if (stemOf(label)) stems.set(stemOf(label), [...stems.get(stemOf(label)) ?? [], label]);
  const [stem, dotted] = [...stems].sort((a, b) => b[1].length - a[1].length)[0] ?? ["", []], [first = ""] = dotted;
  let same = 0;
  while (same < first.length && dotted.every((label) => label[same] === first[same])) same++;
  while (same > 0 && !/[./]/.test(first[same - 1]) && !dotted.every((label) => /\d/.test(label[same] ?? ""))) same--;
  const short = labels.map((label) => (stem && stemOf(label) === stem ? label.slice(same) : label));
  return short.every(Boolean) && new Set(short).size === short.length ? short : [...labels];
}

/** Names of rows: in one way where most layers have a prefix in the second model that they lack in the first, for layers that were added, too. */
export function rowNames(layers: readonly ComparedLayer[]): string[] {
  const prefixes = layers.flatMap(({ before, after }) => (before && after && after.label.endsWith(before.label) ? [after.label.slice(0, after.label.length - before.label.length)] : []));
  const [prefix = ""] = prefixes, isCommon = prefix !== "" && prefixes.filter((one) => one === prefix).length > layers.filter(({ before, after }) => before && after).length / 2, taken = new Set(layers.flatMap(({ before }) => before?.label ?? []));
  return layers.map(({ label, before }) => (isCommon && !before && label.startsWith(prefix) && !taken.has(label.slice(prefix.length)) ? label.slice(prefix.length) : label));
}

/** So little of a name says nothing. */
const LEAST_NAME = 24;

/** A size as it stands behind a name in a box with so much room, or nothing where it would leave too little of the name. */
export function sizeBeside(name: string, size: string, room: number, width: (text: string) => number): string {
  const left = room - width(size) - 8;
  return left < LEAST_NAME && left < width(name) ? "" : size;
}
