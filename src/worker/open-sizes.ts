import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { readPreprocess } from "../evaluation/dataset";
import { preprocessBeside, type Preprocess } from "../evaluation/preprocess";
import type { Model } from "../onnx/model";
import type { CountedFor } from "../protocol/api";

/** What is taken for sides of images that neither the model nor a file beside it tells. */
const USUAL_SIDE = 224;

/**
 * Sizes to count with, where a model of images leaves some of its input open: those of `NAME.preprocess.json` beside it, else sides of 224.
 * @returns undefined where nothing is open, or where the input is no image: what would have to be chosen is not known then
 */
export async function sizesToCount(model: Model, file: string): Promise<{ countedFor: CountedFor; fixed: Map<string, number[]> } | undefined> {
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name)), [input] = inputs, shape = input?.shape;
  if (inputs.length !== 1 || shape?.length !== 4 || shape.slice(1).every((size) => typeof size === "number")) return undefined;
  const last = shape[3], isLast = typeof last === "number" && [1, 3, 4].includes(last) && typeof shape[1] !== "number", sides = isLast ? [1, 2] : [2, 3], channels = isLast ? 3 : 1;
  if (typeof shape[channels] !== "number") return undefined;
  const told = sidesOf(await readBeside(file)), sizes = shape.map((size, axis) => { const side = sides.indexOf(axis); return typeof size === "number" ? size : side < 0 ? 1 : told?.[side] ?? USUAL_SIDE; });
  return { countedFor: { shape: sizes.slice(1), isTold: told !== undefined }, fixed: new Map([[input.name, sizes]]) };
}

/** Height and width that images are brought to. */
function sidesOf({ crop, resize }: Preprocess = {}): [number, number] | undefined {
  const size = crop ?? (Array.isArray(resize) ? resize : undefined);
  return typeof size === "number" ? [size, size] : size;
}

/** What is broken there is told where it is used. */
async function readBeside(file: string): Promise<Preprocess | undefined> {
  const beside = preprocessBeside(file);
  try {
    const bytes = await readFile(beside);
    return await readPreprocess({ size: bytes.length, read: async () => bytes }, path.basename(beside));
  } catch {
    return undefined;
  }
}
