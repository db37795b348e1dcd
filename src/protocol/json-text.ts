import { KernelscopeError, type ErrorCode } from "./errors";

/** JSON as text that people write: where things stand in it, and where it stops being JSON. */

type Path = readonly (string | number)[];

export interface Place { start: number; end: number }
interface Property extends Place { key: string; value: Value }
export type Value = Place & ({ kind: "object"; properties: Property[] } | { kind: "array"; items: Value[] } | { kind: "plain"; value: unknown });

/** Where a text stops being JSON, and why. */
export class JsonTextError extends Error {
  constructor(message: string, readonly offset: number) { super(message); }
}

/** Reads a text as values with their places. @throws JsonTextError */
export function parseJsonText(text: string): Value {
  let at = 0;
  const fail = (wanted: string): never => {
    const found = at >= text.length ? "the text ends" : `there is ${JSON.stringify(text[at])}`;
    throw new JsonTextError(`${wanted} is missing: ${found}.`, Math.min(at, text.length));
  };
  const space = (): void => { while (/[ \t\r\n]/.test(text[at] ?? "")) at++; };
  const take = (symbol: string, wanted: string): void => {
    space();
    if (text[at] !== symbol) fail(wanted);
    at++;
  };
  const string = (): string => {
    const match = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    match.lastIndex = at;
    const [found] = match.exec(text) ?? fail("A name or text in double quotes");
    at += found.length;
    return JSON.parse(found) as string;
  };
  const list = <Item>(end: string, item: () => Item): Item[] => {
    const items: Item[] = [];
    at++;
    space();
    if (text[at] === end) { at++; return items; }
    for (;;) {
      items.push(item());
      space();
      if (text[at] === end) { at++; return items; }
      take(",", end === "}" ? "A comma or a closing brace" : "A comma or a closing bracket");
      space();
    }
  };
  const value = (): Value => {
    space();
    const start = at;
    if (text[at] === "{") {
      const properties = list("}", () => {
        const start = at, key = string();
        take(":", "A colon");
        const own = value();
        return { start, end: own.end, key, value: own };
      });
      return { kind: "object", start, end: at, properties };
    }
    if (text[at] === "[") {
      const items = list("]", value);
      return { kind: "array", start, end: at, items };
    }
    if (text[at] === '"') {
      const found = string();
      return { kind: "plain", start, end: at, value: found };
    }
    const match = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    match.lastIndex = at;
    const [found] = match.exec(text) ?? fail("A value");
    at += found.length;
    return { kind: "plain", start, end: at, value: JSON.parse(found) as unknown };
  };
  const whole = value();
  space();
  if (at < text.length) throw new JsonTextError("Something follows after the end.", at);
  return whole;
}

/** The value of a file's text. @throws KernelscopeError with the line in which it stops being JSON */
export function readJson(text: string, name: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KernelscopeError(code, `${name}${whyNot(text) ?? ` is no valid JSON: ${String(error)}.`}`);
  }
}

/** ", line 2: this is no valid JSON. A colon is missing: there is "3"." */
function whyNot(text: string): string | undefined {
  try {
    parseJsonText(text);
    return undefined;
  } catch (error) {
    return error instanceof JsonTextError ? `, line ${text.slice(0, error.offset).split("\n").length}: this is no valid JSON. ${error.message}` : undefined;
  }
}

/** What stands at a path, or the nearest thing around it that is there. */
export function placeOf(root: Value, path: Path): { start: number; end: number } {
  let at = root, place: Place = root;
  for (const step of path) {
    const property = at.kind === "object" ? at.properties.find(({ key }) => key === step) : undefined;
    const next = property?.value ?? (at.kind === "array" && typeof step === "number" ? at.items[step] : undefined);
    if (!next) break;
    [at, place] = [next, property ?? next];
  }
  return place;
}
