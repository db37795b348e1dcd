import * as fs from "node:fs/promises";
import * as path from "node:path";
import { compressModel } from "../compression/compress";
import { mergeRecipe } from "../compression/goal";
import { parseRecipe } from "../compression/recipe";
import { figuresOf, mergePoints, sweepOf, SweepPoint } from "../compression/sweep";
import { wilson } from "../evaluation/metrics";
import { DEVICES, type CompressRequest } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { formatBytes } from "../protocol/sizes";
import { cachedParts } from "../worker/cache";
import { writeFiles } from "../worker/files";
import { nodeHost } from "../worker/host";
import { MadeFiles } from "../worker/made";
import { within } from "./intervals";
import { percent, print, reporter, write } from "./terminal";
import { type Arguments, file, flag, oneOf, whole } from "./values";

const POINT = /^point-\d+\.json$/;

/** Makes a file for each size of a recipe's sweep, or for every N-th. What is there already is not made again. */
export async function runSweep(args: Arguments, signal: AbortSignal): Promise<void> {
  const [index, of] = shareOf(args), recipe = path.resolve(args.model), folder = file(args, "output") ?? recipe.replace(/(\.kernelscope)?\.json$/i, "") + ".sweep";
  const threads = whole(args, "threads", 1, 1024), checkpoint = file(args, "checkpoint");
  const host = await nodeHost({ threads, checkpoint, ratings: checkpoint === undefined ? cachedParts().ratings : path.join(checkpoint, "ratings") }), progress = reporter(flag(args, "quiet")), share: SweepPoint[] = [];
  try {
    const model = modelOf(recipe, await host.readText(recipe)), request: CompressRequest = { model, recipe, data: file(args, "data"), evalData: file(args, "eval-data"), device: oneOf(args, "device", DEVICES), threads };
    const opened = await host.openModel(model), { key, targets } = await sweepOf(await mergeRecipe(request, host), opened, host).finally(() => opened.close());
    await fs.mkdir(folder, { recursive: true });
    const stem = path.basename(model).replace(/\.onnx$/i, "");
    for (const [i, target] of targets.entries()) {
      if (i % of !== index) continue;
      const at = path.join(folder, `point-${i}.json`), known = await readPoint(at), name = `${stem}.${target}.onnx`;
      if (known?.sweep === key && (known.problem !== undefined || await isWhole(path.join(folder, name), known))) {
        tell(known, "is there already");
        continue;
      }
      const point: SweepPoint = { sweep: key, points: targets.length, index: i, target, ...await compressTo(name, { ...request, target: `${target}B`, output: path.join(folder, name), force: true }) };
      await writeFiles(at, (sink) => sink.write(new TextEncoder().encode(`${JSON.stringify(point, null, 1)}\n`)));
      progress.end();
      tell(point);
    }
    if (flag(args, "json")) print(share);
  } finally {
    progress.end();
    await host.close();
  }

  function tell(point: SweepPoint, more?: string): void {
    share.push(point);
    if (!flag(args, "json")) process.stdout.write(`${[`${point.index + 1} of ${point.points}: ${point.problem ?? `${point.file}, ${formatBytes(point.figures!.bytes)}`}`, ...(more === undefined || point.problem !== undefined ? [] : [more])].join(", ")}\n`);
  }

  async function compressTo(name: string, request: CompressRequest): Promise<Pick<SweepPoint, "file" | "figures" | "problem">> {
    try {
      const report = await compressModel(request, host, progress.report, signal);
      await new MadeFiles().add(report);
      return { file: name, figures: figuresOf(report) };
    } catch (error) {
      if (error instanceof KernelscopeError && error.code === "target-unreachable") return { problem: error.message };
      throw error;
    }
  }
}

/** Joins the points that lie in a folder to the curve. */
export async function runMerge(args: Arguments): Promise<void> {
  const folder = path.resolve(args.model), names = (await fs.readdir(folder).catch(() => { throw new KernelscopeError("usage", `${folder} is no folder.`); })).filter((name) => POINT.test(name));
  const points = await Promise.all(names.map(async (name) => {
    const point = await readPoint(path.join(folder, name));
    if (!point) throw new KernelscopeError("bad-sweep", `${name} is no whole point of a sweep. Delete it and run the process again that has it.`);
    return point;
  }));
  const curve = mergePoints(points);
  for (const point of curve) if (point.file !== undefined && !await isWhole(path.join(folder, point.file), point)) throw new KernelscopeError("bad-sweep", `${point.file} is missing or is another size than when it was written. Run the sweep again.`);
  await writeFiles(path.join(folder, "curve.json"), (sink) => sink.write(new TextEncoder().encode(`${JSON.stringify(curve, null, 1)}\n`)));
  const rows = curve.map(({ target, file: name, figures, problem }) => [
    formatBytes(target), problem === undefined ? name ?? "" : "–", figures ? formatBytes(figures.bytes) : "–", figures?.convBitsPerWeight?.toFixed(3) ?? "", share(figures?.top1, figures?.samples), share(figures?.agreement, figures?.samples), figures ? figures.ratio.toFixed(1) : "",
  ]);
  const missing = curve.flatMap(({ target, problem }) => (problem === undefined ? [] : [`No file of ${formatBytes(target)}: ${problem}`]));
  const measured = curve.find(({ figures }) => figures?.samples !== undefined)?.figures;
  const written = `Written: ${path.join(folder, "curve.json")}.${measured ? ` Measured on ${measured.samples!.toLocaleString("en")} images${measured.originalTop1 === undefined ? "" : `, on which the original has ${percent(measured.originalTop1)}`}.` : " Without images no accuracy was measured."}`;
  write(args, curve, () => ({ title: path.basename(folder), blocks: [{ head: ["target", "file", "size", "bits/conv weight", "top-1", "agreement", "times smaller"], rows, figures: [0, 2, 3, 4, 5, 6] }, "", ...missing, written] }));
}

/** A share of samples, with what these leave open of it. */
const share = (value: number | undefined, samples: number | undefined): string => `${percent(value)}${value === undefined || samples === undefined ? "" : within(wilson(value, samples))}`;

function shareOf(args: Arguments): [index: number, of: number] {
  const index = whole(args, "index", 0, 1_000_000), of = whole(args, "of", 1, 1_000_000);
  if ((index === undefined) !== (of === undefined)) throw new KernelscopeError("usage", "--index and --of belong together: --index 0 --of 4 is the first of four shares.");
  if (index !== undefined && of !== undefined && index >= of) throw new KernelscopeError("usage", `--index ${index} is out of range. Of ${of} shares the last is ${of - 1}.`);
  return [index ?? 0, of ?? 1];
}

/** The model that a recipe names. @throws KernelscopeError where it is none, or names none */
export function modelOf(recipe: string, text: string): string {
  if (/\.onnx$/i.test(recipe)) throw new KernelscopeError("usage", `kernelscope sweep takes a recipe that names the model, not the model: a *.json with "model": "${path.basename(recipe)}".`);
  const { model } = parseRecipe(text, path.basename(recipe));
  if (model === undefined) throw new KernelscopeError("bad-recipe", `${path.basename(recipe)} names no model. Add "model": "NAME.onnx", relative to the recipe.`);
  return path.resolve(path.dirname(recipe), model);
}

async function readPoint(file: string): Promise<SweepPoint | undefined> {
  try {
    return SweepPoint.parse(JSON.parse(await fs.readFile(file, "utf8")));
  } catch {
    return undefined; // not there, or cut off
  }
}

const isWhole = (file: string, { figures }: SweepPoint): Promise<boolean> => fs.stat(file).then(({ size }) => size === figures?.bytes, () => false);
