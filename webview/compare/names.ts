import type { ComparedLayer } from "../../src/protocol/compare";

/** What layers of two models are called beside each other. */

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
