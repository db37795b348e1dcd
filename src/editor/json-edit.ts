import { parseJsonText, type Place, type Value } from "../protocol/json-text";

/** Changes of JSON that people keep, which leave all the rest as it was written. */

/** One change: a value at a path of names, or nothing there any more; `instead` names neighbours that it takes the place of. */
export interface JsonChange { path: readonly string[]; value?: unknown; instead?: readonly string[] }

/** The text with changes made; what they do not touch keeps its look. @throws JsonTextError for a text that is no JSON */
export function editJsonText(text: string, changes: readonly JsonChange[]): string {
  return changes.reduce((before, { path, value, instead = [] }) => (value === undefined ? remove(before, path) : set(before, path, value, instead)), text.trim() === "" ? "{}\n" : text);
}

/** The one stretch in which two texts differ. */
export function difference(before: string, after: string): Place & { text: string } {
  let start = 0, end = 0;
  const least = Math.min(before.length, after.length);
  while (start < least && before[start] === after[start]) start++;
  while (end < least - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { start, end: before.length - end, text: after.slice(start, after.length - end) };
}

function set(text: string, path: readonly string[], value: unknown, instead: readonly string[]): string {
  let at = parseJsonText(text);
  const others = at.kind === "object" ? at.properties.map(({ key }) => key).filter((key) => instead.includes(key)) : [], taken = at.kind === "object" && at.properties.some(({ key }) => key === path[0]);
  if (others.length && at.kind === "object") {
    const [first] = at.properties.filter(({ key }) => key === others[0]);
    if (taken) return set(remove(text, [others[0]]), path, value, instead);
    return set(`${text.slice(0, first.start)}${JSON.stringify(path[0])}: null${text.slice(first.end)}`, path, value, instead);
  }
  for (const [depth, key] of path.entries()) {
    if (at.kind !== "object") return put(text, at, path.slice(depth).reduceRight<unknown>((inner, name) => ({ [name]: inner }), value), indentAt(text, at.start));
    const property = at.properties.find((p) => p.key === key);
    if (!property) return insert(text, at, key, path.slice(depth + 1).reduceRight<unknown>((inner, name) => ({ [name]: inner }), value));
    at = property.value;
  }
  return put(text, at, value, indentAt(text, at.start));
}

function remove(text: string, path: readonly string[]): string {
  let at = parseJsonText(text);
  for (const [depth, key] of path.entries()) {
    if (at.kind !== "object") return text;
    const i = at.properties.findIndex((p) => p.key === key);
    if (i < 0) return text;
    if (depth < path.length - 1) { at = at.properties[i].value; continue; }
    const { properties, start, end } = at;
    if (properties.length === 1) return path.length > 1 ? remove(text, path.slice(0, -1)) : `${text.slice(0, start)}{}${text.slice(end)}`;
    // with the comma before it, or that behind the first
    return i > 0 ? text.slice(0, properties[i - 1].end) + text.slice(properties[i].end) : text.slice(0, properties[0].start) + text.slice(properties[1].start);
  }
  return text;
}

const put = (text: string, { start, end }: Place, value: unknown, indent: string): string => text.slice(0, start) + written(text, value, indent) + text.slice(end);

/** A new property behind the last, each on its own line where the object has lines. */
function insert(text: string, { start, end, properties }: Extract<Value, { kind: "object" }>, key: string, value: unknown): string {
  const outer = indentAt(text, start), last = properties[properties.length - 1], name = `${JSON.stringify(key)}: `, eol = lineEnd(text);
  if (!last) {
    const inner = outer + unitOf(text);
    return `${text.slice(0, start)}{${eol}${inner}${name}${written(text, value, inner)}${eol}${outer}}${text.slice(end)}`;
  }
  const ownLine = text.slice(start, properties[0].start).includes("\n");
  if (!ownLine) return `${text.slice(0, last.end)}, ${name}${JSON.stringify(value)}${text.slice(last.end)}`;
  const inner = indentAt(text, last.start);
  return `${text.slice(0, last.end)},${eol}${inner}${name}${written(text, value, inner)}${text.slice(last.end)}`;
}

/** A value as text: lists of plain values and small objects on one line. */
function written(text: string, value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const flat = Object.values(value).every((v) => typeof v !== "object" || v === null);
  if (Array.isArray(value) && flat) return `[${value.map((v) => JSON.stringify(v)).join(", ")}]`;
  if (flat) return `{ ${Object.entries(value).map(([key, v]) => `${JSON.stringify(key)}: ${JSON.stringify(v)}`).join(", ")} }`;
  const eol = lineEnd(text), inner = indent + unitOf(text);
  const lines = Array.isArray(value) ? value.map((v) => inner + written(text, v, inner)) : Object.entries(value).filter(([, v]) => v !== undefined).map(([key, v]) => `${inner}${JSON.stringify(key)}: ${written(text, v, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}${eol}${lines.join(`,${eol}`)}${eol}${indent}${close}`;
}

const lineEnd = (text: string): string => (text.includes("\r\n") ? "\r\n" : "\n");
/** What a level is indented by. */
const unitOf = (text: string): string => /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
/** The white space before the first thing on a place's line. */
const indentAt = (text: string, offset: number): string => /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset))?.[0] ?? "";
