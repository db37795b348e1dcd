import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

/**
 * The curve "bits per weight against top-1", in closed form and trained, from the cells that bench:accuracy has kept: a table for the README, and a picture.
 * npm run bench:curve -- [--results bench/results/accuracy.jsonl] [--picture docs/images/curve.svg]
 */
const { values } = parseArgs({ options: { results: { type: "string", default: "bench/results/accuracy.jsonl" }, picture: { type: "string", default: "docs/images/curve.svg" } } });

interface Line { cell: { model: string; bits?: number; images: number; tune: string; seed: number; method?: string; schedule?: string; noise?: object; recipe?: string; device?: string }; bits: number; ratio: number; top1: number; float: number }
interface Point { bits: number; ratio: number; lost: number; top1: number }
/** One network: by what was asked for, the closed form and the training. */
interface Curve { model: string; float: number; rows: { asked: number; plain?: Point; tuned?: Point }[] }

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

function curvesOf(lines: readonly Line[]): Curve[] {
  return [...new Set(lines.filter(({ cell }) => cell.bits !== undefined).map(({ cell }) => cell.model))].map((model) => {
    const all = lines.filter(({ cell }) => cell.model === model && cell.bits !== undefined && [cell.method, cell.schedule, cell.noise, cell.recipe, cell.device].every((manner) => manner === undefined)), images = Math.max(...all.map(({ cell }) => cell.images));
    // those with the most images, where there are several
    const own = all.filter(({ cell }) => cell.images === images);
    const pointOf = (asked: number, isTuned: boolean): Point | undefined => {
      const runs = own.filter(({ cell }) => cell.bits === asked && (cell.tune !== "none") === isTuned);
      return runs.length ? { bits: mean(runs.map(({ bits }) => bits)), ratio: mean(runs.map(({ ratio }) => ratio)), top1: mean(runs.map(({ top1 }) => top1)), lost: mean(runs.map(({ float, top1 }) => float - top1)) } : undefined;
    };
    const asked = [...new Set(own.map(({ cell }) => cell.bits!))].sort((a, b) => b - a);
    return { model, float: mean(own.map(({ float }) => float)), rows: asked.map((bits) => ({ asked: bits, plain: pointOf(bits, false), tuned: pointOf(bits, true) })) };
  });
}

function table(curves: readonly Curve[]): string {
  const percent = (point: Point | undefined): string => (point ? `${point.top1.toFixed(2)} % (${point.lost.toFixed(2)})` : "–");
  return ["| network (float top-1) | bits per weight | file | closed form (lost) | fine-tuned (lost) |", "| --- | --- | --- | --- | --- |", ...curves.flatMap(({ model, float, rows }) => rows.map(({ plain, tuned }, i) => {
    const size = (tuned ?? plain)!;
    return `| ${i ? "" : `${model.replace(/\.onnx$/, "")} (${float.toFixed(2)} %)`} | ${size.bits.toFixed(2)} | ${size.ratio.toFixed(1)} times smaller | ${percent(plain)} | ${percent(tuned)} |`;
  }))].join("\n");
}

const WIDTH = 720, HEIGHT = 360, LEFT = 64, RIGHT = 200, TOP = 24, BOTTOM = 48, COLOURS = ["#3b82c4", "#c4743b", "#4f9d69", "#8a63b8"];

/** Points lost over bits per weight, the latter by octaves: solid lines trained, dashed ones not. It has a ground of its own, so that it is read in any theme. */
function picture(curves: readonly Curve[]): string {
  const points = curves.flatMap(({ rows }) => rows.flatMap(({ plain, tuned }) => [plain, tuned].filter((point) => point !== undefined))), octaves = points.map(({ bits }) => Math.log2(bits));
  const low = Math.floor(Math.min(...octaves)), high = Math.ceil(Math.max(...octaves)), most = Math.max(1, Math.ceil(Math.max(...points.map(({ lost }) => lost))));
  const x = (bits: number): string => (LEFT + (Math.log2(bits) - low) / (high - low) * (WIDTH - LEFT - RIGHT)).toFixed(1), y = (lost: number): string => (TOP + lost / most * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const label = (at: string, height: string | number, text: string, anchor = "middle"): string => `<text x="${at}" y="${height}" text-anchor="${anchor}">${text}</text>`;
  const rule = (x1: string | number, y1: string | number, x2: string | number, y2: string | number): string => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`;
  const grid = [
    ...Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i)).flatMap((bits) => [rule(x(bits), TOP, x(bits), HEIGHT - BOTTOM), label(x(bits), HEIGHT - BOTTOM + 18, String(bits))]),
    ...Array.from({ length: most + 1 }, (_, lost) => lost).flatMap((lost) => [rule(LEFT, y(lost), WIDTH - RIGHT, y(lost)), label(String(LEFT - 8), Number(y(lost)) + 4, lost ? `−${lost}` : "0", "end")]),
  ];
  const lines = curves.flatMap(({ model, rows }, i) => (["plain", "tuned"] as const).flatMap((kind) => {
    const known = rows.flatMap((row) => row[kind] ?? []), colour = COLOURS[i % COLOURS.length], height = TOP + 16 + 44 * i + (kind === "tuned" ? 0 : 18), at = WIDTH - RIGHT + 16;
    if (!known.length) return [];
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2"${kind === "plain" ? " stroke-dasharray=\"3 4\"" : ""} points="${known.map(({ bits, lost }) => `${x(bits)},${y(lost)}`).join(" ")}"/>`,
      ...known.map(({ bits, lost }) => `<circle cx="${x(bits)}" cy="${y(lost)}" r="3" fill="${colour}"/>`),
      `<line x1="${at}" x2="${at + 24}" y1="${height - 4}" y2="${height - 4}" stroke="${colour}" stroke-width="2"${kind === "plain" ? " stroke-dasharray=\"3 4\"" : ""}/>`,
      label(String(at + 32), height, kind === "tuned" ? model.replace(/\.onnx$/, "") : "without training", "start"),
    ];
  }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333"><rect width="100%" height="100%" fill="#fff"/>${grid.join("")}${lines.join("")}${label(x(2 ** ((low + high) / 2)), HEIGHT - 10, "bits per convolution weight")}${label(String(LEFT), 14, "top-1 points lost", "start")}</svg>\n`;
}

const curves = curvesOf(readFileSync(values.results, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line) as Line));
console.log(table(curves));
writeFileSync(values.picture, picture(curves));
