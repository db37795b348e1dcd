import type { z } from "zod/mini";

type Issue = z.core.$ZodIssue;

/** Something wrong with a file, in words, and where. */
export interface Fault { path: readonly PropertyKey[]; message: string }

/** What a schema finds wrong with a file, for the person who wrote it: `layers.conv1.pin: give "leave" or "exact".` */
export const schemaFaults = ({ issues }: { issues: readonly Issue[] }): Fault[] =>
  issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys.map((key) => ({ path: [...issue.path, key], message: wordsOf({ ...issue, keys: [key] }) })) : [{ path: issue.path, message: wordsOf(issue) }]));

/** The same in one line. */
export const schemaWords = ({ issues }: { issues: readonly Issue[] }): string => issues.map(wordsOf).join(" ");

function wordsOf(issue: Issue): string {
  const place = placeWords(issue.path), words = issueWords(issue);
  return place ? `${place}: ${words}` : words[0].toUpperCase() + words.slice(1);
}

const placeWords = (path: readonly PropertyKey[]): string => path.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i ? "." : ""}${String(key)}`)).join("");

function issueWords(issue: Issue): string {
  switch (issue.code) {
    case "unrecognized_keys": return `there is no field ${issue.keys.map((key) => JSON.stringify(key)).join(", ")} here.`;
    case "too_small": return `give ${amount(issue.origin)} ${issue.inclusive === false ? "above" : "from"} ${String(issue.minimum)}.`;
    case "too_big": return `give ${amount(issue.origin)} ${issue.inclusive === false ? "below" : "up to"} ${String(issue.maximum)}.`;
    case "not_multiple_of": return `give a multiple of ${String(issue.divisor)}.`;
    case "custom": return issue.message;
    default: return `give ${wanted(issue)}.`;
  }
}

const amount = (origin: string): string => (origin === "array" ? "a list with a length" : origin === "string" ? "a text with a length" : "a number");

/** Whether a schema has words of its own: zod begins with these where it has none. */
const hasWords = ({ message }: Issue): boolean => !message.startsWith("Invalid input");

/** What would be right in a place. */
function wanted(issue: Issue): string {
  switch (issue.code) {
    case "invalid_value": return either(issue.values.map((value) => JSON.stringify(value)));
    case "invalid_type": return hasWords(issue) ? issue.message : NOUNS[issue.expected] ?? `a value of type ${issue.expected}`;
    case "invalid_union": return hasWords(issue) ? issue.message : either(issue.errors.flatMap((errors) => (errors.length ? [wanted(errors[0])] : [])));
    default: return issue.message;
  }
}

const NOUNS: Record<string, string> = { string: "a text", number: "a number", int: "a whole number", boolean: "true or false", array: "a list", object: "an object in braces", record: "an object in braces" };

const either = (choices: string[]): string => (choices.length < 2 ? choices.join("") : `${choices.slice(0, -1).join(", ")} or ${choices[choices.length - 1]}`);
