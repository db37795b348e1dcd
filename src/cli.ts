#!/usr/bin/env node
import * as fs from "node:fs/promises";
import { parseArgs } from "node:util";
import { help, hintFor, OPERANDS, options, type CommandName } from "./cli/arguments";
import { runDiff } from "./cli/diff";
import { interruption, runCompress, runEvaluate, runInspect, runPrepare } from "./cli/jobs";
import { nearest } from "./cli/nearest";
import { errorLine, recipeErrors } from "./cli/recipe-error";
import { modelOf, runMerge, runSweep } from "./cli/sweep";
import { checkForm } from "./cli/terminal";
import type { Arguments } from "./cli/values";
import { KernelscopeError, type ErrorCode } from "./protocol/errors";

/** Exit codes of design and README: 0 done, 1 failed, 2 wrong usage, 3 a figure fell short, 130 cancelled. */
const EXIT: Partial<Record<ErrorCode, number>> = { usage: 2, "bad-recipe": 2, "below-threshold": 3, cancelled: 130 };

const COMMANDS: Record<CommandName, (args: Arguments, signal: AbortSignal) => Promise<void>> = { inspect: runInspect, compress: runCompress, prepare: runPrepare, evaluate: runEvaluate, diff: runDiff, sweep: runSweep, merge: runMerge };
/** The recipe of this run, by the name that was given, and what goes before it. */
let recipe: { file: string; given: (option: string) => boolean } | undefined;
const isCommand = (name: string | undefined): name is CommandName => name !== undefined && name in COMMANDS;

async function main(argv: string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === undefined || command === "--help" || command === "-h" || command === "help") {
    process.stdout.write(help(isCommand(rest[0]) ? rest[0] : undefined));
    return command === undefined ? 2 : 0;
  }
  if (command === "--version") {
    process.stdout.write(`kernelscope ${KERNELSCOPE_VERSION}\n`);
    return 0;
  }
  const meant = isCommand(command) ? undefined : nearest(command, Object.keys(COMMANDS));
  if (!isCommand(command)) throw new KernelscopeError("usage", `There is no command "${command}".${meant === undefined ? "" : ` Did you mean ${meant}?`} The commands are ${Object.keys(COMMANDS).join(", ")}.`);
  let parsed;
  try {
    parsed = parseArgs({ args: rest, options: options(command), allowPositionals: true, strict: true });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0].replace(/^Option '(-[\w-]+)' argument is ambiguous/, "$1 takes a value that does not begin with a dash").replace(/\. To specify.*/, "").replace(/\.$/, "");
    throw new KernelscopeError("usage", `${reason}.${hintFor(/^Unknown option '--([\w-]+)'/.exec(reason)?.[1] ?? "", command)} See kernelscope ${command} --help.`);
  }
  if (parsed.values.help) {
    process.stdout.write(help(command));
    return 0;
  }
  const values = parsed.values as Arguments["values"], named = command === "sweep" ? parsed.positionals[0] : values.recipe, isModelGiven = command !== "sweep" && parsed.positionals.length > 0;
  if (typeof named === "string") recipe = { file: named, given: (option) => values[option] !== undefined || (option === "model" && isModelGiven) };
  // a recipe may name the model
  if (!parsed.positionals.length && typeof values.recipe === "string") parsed.positionals.push(modelOf(values.recipe, await fs.readFile(values.recipe, "utf8").catch(() => { throw new KernelscopeError("usage", `There is no recipe ${String(values.recipe)}.`); })));
  const operands = OPERANDS[command].split(" "), [model, other] = parsed.positionals, args: Arguments = { model, other, values };
  if (parsed.positionals.length !== operands.length) throw new KernelscopeError("usage", `kernelscope ${command} takes ${operands.length === 1 ? `one ${operands[0].toLowerCase()}` : `two models, ${operands.join(" and ")}`}, ${parsed.positionals.length} ${parsed.positionals.length === 1 ? "was" : "were"} given: kernelscope ${command} ${OPERANDS[command]}`);
  checkForm(args);
  const abort = new AbortController();
  // The first Ctrl+C ends a training and keeps what it has come to, the next one asks, the last one insists.
  process.on("SIGINT", () => {
    if (interruption.endsTraining()) return;
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  });
  process.on("SIGTERM", () => abort.abort());
  await COMMANDS[command](args, abort.signal);
  return 0;
}

// A reader that has seen enough (head, less) is no failure.
process.stdout.on("error", () => process.exit(0));

main(process.argv.slice(2)).then(
  (code) => { process.exitCode = code; },
  async (error: unknown) => {
    const known = error instanceof KernelscopeError, text = recipe && await fs.readFile(recipe.file, "utf8").catch(() => undefined);
    // a recipe that is not there is a fault of its own
    const faults = !recipe ? undefined : text !== undefined ? recipeErrors(error, text, recipe.given) : known ? [{ line: 1, column: 1, message: error.message }] : undefined, place = faults?.[0];
    // a figure that fell short has its report printed already
    if (process.argv.includes("--json") && !(known && error.code === "below-threshold")) process.stdout.write(`${JSON.stringify({ error: { code: known ? error.code : "unexpected", message: error instanceof Error ? error.message : String(error), ...(place && { file: recipe?.file, line: place.line, column: place.column }) } })}\n`);
    process.stderr.write(`${faults && recipe ? faults.map((fault) => errorLine(recipe!.file, fault)).join("\n") : known ? error.message : `Something went wrong that should not: ${error instanceof Error ? error.stack ?? error.message : String(error)}`}\n`);
    process.exitCode = known ? EXIT[error.code] ?? 1 : 1;
  },
);
