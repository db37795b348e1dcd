import * as z from "zod/mini";
import { Preprocess } from "../evaluation/preprocess";
import { RANGE_KINDS } from "../evaluation/ranges";
import { type Fault, schemaFaults, schemaWords } from "../evaluation/schema-words";
import { methods } from "../methods/registry";
import type { Model } from "../onnx/model";
import { DEVICES, PRESETS } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { readJson } from "../protocol/json-text";
import { FEW_BITS, PRUNED } from "../protocol/pruning";
import { parseTarget } from "../protocol/sizes";
import { DELAY, NOISE_KINDS, SCHEDULES, TIME } from "../protocol/tuning";

const described = <T extends z.ZodMiniType>(schema: T, description: string): T => {
  z.globalRegistry.add(schema, { description });
  return schema;
};

/** A size as a user writes it. */
const Size = z.string('a size in quotes, like "300KB" or "12x"').check((context) => {
  try {
    parseTarget(context.value);
  } catch (error) {
    context.issues.push({ code: "custom", message: error instanceof Error ? error.message : String(error), input: context.value });
  }
});

/** How to train, beside how long. */
const manner = () => ({
  labels: z.optional(described(z.number().check(z.minimum(0), z.maximum(1)), "Share of the labels' cross-entropy in what training brings down; the rest is to do what the original does. Where images are sorted into folders by class.")),
  schedule: z.optional(described(z.enum(SCHEDULES), "endToEnd: all layers are quantized at once and trained together. iterative: one after the other, while what is not quantized yet is trained to take up what was lost. joint: weights are drawn to their quantized form, and how many bytes each layer gets follows them.")),
  noise: z.optional(described(z.strictObject({
    kind: described(z.enum(NOISE_KINDS), "codeword: a block is seen as its codeword. zero: as nothing. int8, int4: as integers."),
    p: described(z.number().check(z.positive(), z.maximum(1)), "How likely each block is seen so in a step: 0.05 to 0.2 for codewords."),
  }), "Quantization noise: a part of the training goes to weights that are not quantized yet, some of which are seen as if they were.")),
});

const layer = () => z.strictObject({
  method: z.optional(described(z.enum(methods.map(({ id }) => id)), "Method of this layer.")),
  options: z.optional(described(z.record(z.string(), z.unknown()), "Settings of the method.")),
  pin: z.optional(described(z.union([z.enum(["leave", "exact"]), z.strictObject({ atLeastBits: z.number().check(z.minimum(1), z.maximum(32)) })]),
    "leave: do not touch the layer. exact: keep method and options whatever the target. atLeastBits: no fewer bits per weight.")),
  inference: z.optional(described(z.enum(["float"]), "Of integer inference: compute this layer with floats. Its weight stays compressed.")),
});

/** How a model is to be compressed: what a `*.kernelscope.json` holds. Defaults live here and nowhere else. */
export const Recipe = z.strictObject({
  $schema: z.optional(z.string()),
  version: z._default(z.literal(1), 1),
  model: z.optional(described(z.string(), "The model, relative to this file.")),
  preset: z.optional(described(z.enum(PRESETS), "nearly-lossless: 99 % agreement on the images that it is fitted to. balanced: the knee of the curve. smallest: at most 3 points of predicted loss.")),
  target: z.optional(described(Size, "Size of the file: 12x, 300KB, 1.5MB.")),
  bits: z.optional(described(z.number().check(z.positive(), z.maximum(32)), "Upper bound of the bits per convolution weight.")),
  data: z.optional(z.strictObject({
    folder: z.optional(described(z.string(), "Calibration images, relative to this file.")),
    evalFolder: z.optional(described(z.string(), "Images for the report, instead of a fifth of the folder.")),
    limit: z.optional(described(z.int().check(z.minimum(1), z.maximum(10_000_000)), "At most so many images for calibration.")),
  })),
  preprocess: z.optional(Preprocess),
  inference: z._default(described(z.enum(["float", "integer"]), "float: weights are unpacked to floats when the model is loaded. integer: activations are integers of 8 bits, too; every weight is one unless a target says otherwise."), "float"),
  keepOpset: z.optional(described(z.boolean(), "Refuse to raise the operator set of the file, as integer inference does with models of a set before 13.")),
  integers: z.optional(described(z.strictObject({
    ranges: z.optional(described(z.enum(RANGE_KINDS), "How the range of an activation is chosen: its least and largest value, their moving average over batches, a share of the values, least divergence, or least squared error (the default).")),
    percentile: z.optional(described(z.number().check(z.minimum(50), z.maximum(100)), "Share of the values that a range by percentile holds.")),
    normalizations: z.optional(described(z.enum(["fixedPoint", "float"]), "Batch normalizations that cannot be folded into a layer before: as whole numbers and a shift, or with floats (the default, and faster on a CPU).")),
    agreement: z.optional(described(z.number().check(z.positive(), z.maximum(1)), "Leave the layers to floats that cost most until so many predictions on calibration images are the original's: 0.99.")),
    delay: z.optional(described(z.number().check(z.minimum(0), z.maximum(1)), `Share of a training's steps that come before activations are rounded in it as they will be in the file; 1 for never. If absent, ${DELAY} where rounding them costs the network much, and 1 elsewhere.`)),
    diagnose: z.optional(described(z.boolean(), "Measure what each layer costs as integers, alone and left out.")),
  }), "Integer inference in particular.")),
  tune: z._default(z.union([
    described(z.enum(["none"]), "No training."),
    z.strictObject({ duration: described(z.string().check(z.regex(TIME, "a time like 90s, 30m or 1h30m")), "How long to train on the images: 90s, 30m, 1h30m."), ...manner() }),
    z.strictObject({ steps: described(z.int().check(z.minimum(1), z.maximum(10_000_000)), "How many steps to train: the same file every time."), ...manner() }),
  ], '"none", { "duration": "30m" } or { "steps": 2000 }'), "none"),
  sweep: z.optional(described(z.strictObject({
    targets: z.optional(described(z.array(Size).check(z.minLength(1), z.maxLength(1000)), "Sizes of the files; twelve from nearly the smallest to 8 bits a weight if absent.")),
  }), "What `kernelscope sweep` makes of this recipe: a file for each size.")),
  seed: z._default(z.int().check(z.minimum(0), z.maximum(4294967295)), 1),
  device: z._default(z.enum(DEVICES), "auto"),
  prune: z.optional(described(z.union([
    described(z.literal("auto"), `As much as serves the target best, by measurement, which takes several fits. Without any of these, where the target leaves less than ${FEW_BITS} bits for each weight.`),
    described(z.literal(false), "Nothing, however small the target is."),
    z.strictObject({ compute: described(z.number().check(z.minimum(PRUNED.least), z.maximum(PRUNED.most)), "Share of the network's multiply-accumulates that is saved at least: 0.25.") }),
  ], '"auto", false or { "compute": 0.25 }'), "Take channels away before anything is compressed: those that the layers behind them miss least on the images of the data folder. What is left is a smaller network, which runs faster.")),
  trim: z.optional(described(z.boolean(), "Fold batch normalizations, compute constants ahead, shorten names and store biases in 16 bits, so that more bytes are left for the weights: true or, where a target is given, unless false.")),
  shareCodebooks: z.optional(described(z.union([z.literal("auto"), z.literal(false)]), "auto: layers of one shape have a codebook in common where images show that they lose less in as many bytes, which takes several fits. false: every layer has its own, whatever single layers say. Without either, those have one that name the same book.")),
  layers: z.optional(described(z.record(z.string(), layer()), "By weight tensor: what is special about single layers.")),
}).check((context) => {
  const { preset, target, bits } = context.value;
  const given = [preset, target, bits].filter((value) => value !== undefined);
  if (given.length > 1) context.issues.push({ code: "custom", message: "Give one of preset, target and bits.", input: context.value, path: [] });
});
export type Recipe = z.infer<typeof Recipe>;

/** The options of a layer, checked by its method. @throws KernelscopeError "bad-recipe" */
export function parseOptions(methodId: string, options: unknown, layer: string): object {
  const method = methods.find(({ id }) => id === methodId);
  if (!method) throw badRecipe([{ path: ["layers", layer, "method"], message: `layers["${layer}"]: there is no method "${methodId}".` }]);
  const parsed = method.options.safeParse(options ?? {});
  if (!parsed.success) throw badRecipe(optionFaults(parsed.error, layer));
  return parsed.data;
}

const optionFaults = (error: Parameters<typeof schemaFaults>[0], layer: string): Fault[] =>
  schemaFaults(error).map(({ path, message }) => ({ path: ["layers", layer, "options", ...path], message: `layers["${layer}"].options: ${message}` }));

/** An error of all that was found wrong at once; its details say where. @param message of all; each one's own if absent */
export const badRecipe = (faults: readonly Fault[], message = faults.map((fault) => fault.message).join(" ")): KernelscopeError =>
  new KernelscopeError("bad-recipe", message, { path: JSON.stringify(faults[0].path), ...(faults.length > 1 && { faults: JSON.stringify(faults) }) });

/** Reads a recipe. @throws KernelscopeError "bad-recipe" with place and reason */
export function parseRecipe(text: string, name: string): Recipe {
  const parsed = Recipe.safeParse(readJson(text, name, "bad-recipe"));
  if (!parsed.success) throw badRecipe(schemaFaults(parsed.error), `${name}: ${schemaWords(parsed.error)}`);
  const faults = Object.entries(parsed.data.layers ?? {}).flatMap(([id, { method, options }]) => {
    const checked = options === undefined ? undefined : methods.find((one) => one.id === method)?.options.safeParse(options);
    return checked?.error ? optionFaults(checked.error, id) : [];
  });
  if (faults.length) throw badRecipe(faults);
  return parsed.data;
}

/** The recipe that a file was made with; undefined where there is none, or one of another version. */
export function embeddedRecipe({ metadata }: Model): Recipe | undefined {
  const text = metadata.get("kernelscope.recipe");
  try {
    return text === undefined ? undefined : parseRecipe(text, "kernelscope.recipe");
  } catch {
    return undefined;
  }
}

/** The JSON schema that VS Code completes and checks recipes with. */
export function recipeSchema(): object {
  return z.toJSONSchema(Recipe, { target: "draft-7", io: "input" });
}
