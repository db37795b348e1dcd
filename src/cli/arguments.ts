import type { ParseArgsConfig } from "node:util";
import { methods } from "../methods/registry";
import { FEW_BITS } from "../protocol/pruning";
import { NOISE_KINDS } from "../protocol/tuning";
import { nearest } from "./nearest";

export type CommandName = "inspect" | "compress" | "prepare" | "evaluate" | "diff" | "sweep" | "merge";

/** What a command is about: a word for each operand. */
export const OPERANDS: Record<CommandName, string> = { inspect: "MODEL", compress: "MODEL", prepare: "MODEL", evaluate: "MODEL", diff: "A B", sweep: "RECIPE", merge: "FOLDER" };

interface Option { type: "string" | "boolean"; short?: string; multiple?: boolean; value?: string; text: string; /** What it is in some commands, where that is something else. */ texts?: Partial<Record<CommandName, string>>; commands: CommandName[] }

const C: CommandName[] = ["compress"], CP: CommandName[] = ["compress", "prepare"], RUNNING: CommandName[] = ["compress", "prepare", "evaluate", "diff"], S: CommandName[] = ["sweep"], all: CommandName[] = ["inspect", "compress", "prepare", "evaluate", "diff", "sweep", "merge"];

const DOCUMENTS: CommandName[] = ["inspect", "compress", "prepare", "diff", "merge"];

const OPTIONS: Record<string, Option> = {
  layer: { type: "string", value: "NAME", text: "one layer: codebook, usage counts, statistics", commands: ["inspect"] },
  output: { type: "string", short: "o", value: "OUT", text: "the file to write; MODEL.small.onnx if absent", texts: { prepare: "the file to write; MODEL.ready.onnx if absent", sweep: "the folder for all files; RECIPE.sweep if absent" }, commands: [...CP, ...S] },
  index: { type: "string", value: "I", text: "the share of this process, from 0; with --of", commands: S },
  of: { type: "string", value: "N", text: "how many shares there are; every N-th size is one's", commands: S },
  recipe: { type: "string", value: "FILE", text: "a *.kernelscope.json; the command line goes before it, and MODEL may be left out where it names one", commands: CP },
  preset: { type: "string", value: "ID", text: "nearly-lossless, balanced (default) or smallest", commands: CP },
  bits: { type: "string", value: "B", text: "at most B bits per convolution weight", commands: CP },
  target: { type: "string", value: "SIZE", text: "12x, 300KB, 1.5MB (KB is 1,000 bytes, KiB 1,024)", commands: CP },
  method: { type: "string", value: "ID", text: `only this method: ${methods.map(({ id }) => id).join(", ")}`, commands: CP },
  reference: { type: "string", value: "MODEL", text: "compare with this model", commands: ["evaluate"] },
  data: { type: "string", value: "DIR", text: "images (class/*.jpg|png), images.npy + labels.npy, or one .npz", commands: [...RUNNING, ...S] },
  "eval-data": { type: "string", value: "DIR", text: "images for the report; a fifth of --data if absent", commands: [...CP, ...S] },
  preprocess: { type: "string", value: "FILE", text: "how images become the model's input", commands: RUNNING },
  limit: { type: "string", value: "N", text: "at most N samples", commands: ["evaluate", "diff"] },
  integers: { type: "boolean", text: "compute with integers alone, bit for bit as firmware does", commands: ["evaluate"] },
  vectors: { type: "string", value: "FILE", text: "write what goes into and comes out of every integer step, as .npz; computes with --integers", commands: ["evaluate"] },
  "vector-samples": { type: "string", value: "N", text: "samples in --vectors; 4 if absent", commands: ["evaluate"] },
  latency: { type: "boolean", text: "how long one sample takes beside --reference, measured here; needs no --data", commands: ["evaluate"] },
  tune: { type: "string", value: "LENGTH", text: "train on the images of --data: 30m, 2000steps; none if absent", texts: { prepare: "how long to train on the images of --data: 30m, 2000steps" }, commands: CP },
  labels: { type: "string", value: "SHARE", text: "share of the labels in what --tune brings down, 0 (default) to 1", commands: CP },
  schedule: { type: "string", value: "ID", text: "endToEnd (default); iterative: layer after layer is quantized and trained; joint: sizes of layers follow the weights", commands: C },
  noise: { type: "string", value: "KIND:P", text: `quantization noise in --tune: ${NOISE_KINDS.join(", ")}, and how likely each block has it`, commands: CP },
  prune: { type: "string", value: "SHARE", text: `take channels away until so much less is computed: 25%; auto tries what serves --target, as is done below ${FEW_BITS} bits a weight; no never does`, commands: CP },
  inference: { type: "string", value: "float|integer", text: "arithmetic of the result: float or integer; --tune then judges it as integers", commands: C },
  trim: { type: "string", value: "yes|no", text: "fewer bytes beside the weights: yes where there is a --target, otherwise no", commands: C },
  "keep-opset": { type: "boolean", text: "refuse integers where they would raise the operator set", commands: C },
  layout: { type: "string", value: "KIND", text: "bits (default), bytes or dense, for runtimes that cannot fold", commands: C },
  device: { type: "string", value: "ID", text: "auto, cpu, webgpu, cuda, dml or coreml", commands: [...RUNNING, ...S] },
  threads: { type: "string", value: "N", text: "all cores if absent", commands: [...RUNNING, ...S] },
  seed: { type: "string", value: "N", text: "1 if absent", commands: CP },
  checkpoint: { type: "string", value: "DIR", text: "where finished layers are kept until the job is done", commands: [...CP, ...S] },
  "fail-under": { type: "string", multiple: true, value: "FIGURE=V", text: "exit 3 where agreement=0.98 or top1=0.9 is not reached", commands: RUNNING },
  force: { type: "boolean", text: "replace an existing file", commands: CP },
  quiet: { type: "boolean", text: "no progress", commands: [...RUNNING, ...S] },
  json: { type: "boolean", text: "one JSON object on standard output", commands: all },
  markdown: { type: "boolean", text: "the result as Markdown, as for a pull request's comment", commands: DOCUMENTS },
  html: { type: "boolean", text: "the result as one page of HTML", commands: DOCUMENTS },
  help: { type: "boolean", short: "h", text: "this text", commands: all },
};

/** What people call an option of a command elsewhere. */
const MEANT: Record<string, string> = { integers: "--inference integer", int8: "--inference integer", quantize: "--inference integer", size: "--target SIZE", out: "--output OUT", images: "--data DIR", dataset: "--data DIR", epochs: "--tune LENGTH", steps: "--tune LENGTH", "fine-tune": "--tune LENGTH", sparsity: "--prune SHARE" };

/** A hint for an option that a command does not have: its own name for that, the commands that have it, or the one that is spelt most like it. */
export function hintFor(option: string, command: CommandName): string {
  const meant = MEANT[option], own = meant?.slice(2).split(" ")[0], others = OPTIONS[option]?.commands ?? [];
  if (own !== undefined && OPTIONS[own].commands.includes(command)) return ` Did you mean ${meant}?`;
  if (others.length) return ` It belongs to ${others.map((name) => `kernelscope ${name}`).join(", ")}.`;
  const near = nearest(option, Object.keys(OPTIONS).filter((name) => OPTIONS[name].commands.includes(command)));
  return near === undefined ? "" : ` Did you mean --${near}?`;
}

/** The options of a command, for node:util's parseArgs. */
export function options(command: CommandName): NonNullable<ParseArgsConfig["options"]> {
  return Object.fromEntries(Object.entries(OPTIONS).filter(([, { commands }]) => commands.includes(command))
    .map(([name, { type, short, multiple }]) => [name, { type, ...(short && { short }), ...(multiple && { multiple }) }]));
}

/** What options alone do not tell. */
const MORE: Partial<Record<CommandName, string>> = { sweep: 'A sweep makes the sizes that the recipe has in "sweep": { "targets": ["64KB", "128KB"] }; without that twelve, from nearly the smallest to 8 bits a weight.' };

const SUMMARIES: Record<CommandName, string> = {
  inspect: "what a model holds, layer by layer",
  compress: "a smaller file that any onnxruntime runs",
  prepare: "the same model, trained so that compressing it costs less",
  evaluate: "accuracy, or agreement with another model",
  diff: "what became of each layer of A in B, and of its predictions",
  sweep: "files of many sizes by one recipe: a curve, or a share of one",
  merge: "the curve of a sweep whose shares lie in one folder",
};

export function help(command?: CommandName): string {
  if (!command) {
    const lines = Object.entries(SUMMARIES).map(([name, text]) => `  kernelscope ${name.padEnd(9)} ${OPERANDS[name as CommandName].padEnd(7)} ${text}`);
    return `Kernelscope compresses convolutional networks in ONNX files.\n\n${lines.join("\n")}\n\nkernelscope COMMAND --help tells a command's options.\n`;
  }
  const options = Object.entries(OPTIONS).filter(([, { commands }]) => commands.includes(command)), flags = options.map(([name, { short, value }]) => `${short ? `-${short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`), width = Math.max(...flags.map(({ length }) => length));
  const rows = options.map(([, { text, texts }], i) => `  ${flags[i].padEnd(width)} ${texts?.[command] ?? text}`);
  return `kernelscope ${command} ${OPERANDS[command]}: ${SUMMARIES[command]}\n\n${rows.join("\n")}\n\n${MORE[command] ? `${MORE[command]}\n\n` : ""}Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a --fail-under figure not reached, 130 cancelled.\n`;
}
