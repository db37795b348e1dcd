import * as z from "zod/mini";
import { JsonTextError, parseJsonText, placeOf } from "../protocol/json-text";
import { KernelscopeError, type ErrorCode } from "../protocol/errors";

/** Where in a recipe an error lies; lines and columns begin with 1. */
export interface RecipeError { line: number; column: number; message: string }

const MODEL = { path: ["model"], option: "model" };
/** Fields of a recipe that errors are about which say no more themselves, and the option that goes before each. */
const FIELDS: Partial<Record<ErrorCode, { path: readonly (string | number)[]; option: string }>> = {
  "bad-model": MODEL, truncated: MODEL, "external-data": MODEL, unsupported: MODEL, "nothing-to-compress": MODEL,
  "bad-data": { path: ["data", "folder"], option: "data" }, "target-unreachable": { path: ["target"], option: "target" },
};

const Path = z.array(z.union([z.string(), z.number()]));
/** As {@link parseRecipe} tells them. */
const Faults = z.array(z.object({ path: Path, message: z.string() }));

/** Tells an error as those of a recipe's text; undefined where something else is to blame. @param given whether an option of the command line goes before the recipe */
export function recipeErrors(error: unknown, text: string, given: (option: string) => boolean): RecipeError[] | undefined {
  if (!(error instanceof KernelscopeError)) return undefined;
  const { path: named, faults } = error.details, own = typeof named === "string" ? Path.parse(JSON.parse(named)) : undefined, field = own ? { path: own, option: own.join(".") === "data.evalFolder" ? "eval-data" : String(own[0]) } : FIELDS[error.code];
  if (error.code !== "bad-recipe" && (!field || given(field.option))) return undefined;
  const at = (offset: number, message: string): RecipeError => {
    const before = text.slice(0, offset).split("\n");
    return { line: before.length, column: before[before.length - 1].length + 1, message: message.replace(/\s*\n\s*/g, " ") };
  };
  let root: ReturnType<typeof parseJsonText>;
  try {
    root = parseJsonText(text);
  } catch (fault) {
    return fault instanceof JsonTextError ? [at(fault.offset, `This is no valid JSON. ${fault.message}`)] : undefined;
  }
  if (typeof faults === "string") return Faults.parse(JSON.parse(faults)).map(({ path, message }) => at(placeOf(root, path).start, message));
  const { start } = placeOf(root, field?.path ?? []);
  if (error.code !== "bad-recipe" && start === root.start) return undefined; // the recipe does not say it
  return [at(start, error.message.replace(/^\S+\.json: /, ""))];
}

/** The form in which compilers say where something is wrong, for editors and whoever reads logs by program. */
export const errorLine = (file: string, { line, column, message }: RecipeError): string => `${file}:${line}:${column}: error: ${message}`;
