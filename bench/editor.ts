import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Frame } from "playwright-core";
import { packageExtension } from "../test/helpers/extension";
import { generatedModel } from "../test/helpers/generated-graph";
import { Workbench } from "../test/workbench/workbench";
import { findWorkbench } from "./chromium";

/**
 * What a user waits for: the first picture of a model beyond what an empty page takes, and clusters after a move of the codeword slider. Bytes that go to the page are counted.
 * npm run bench:editor -- --model MODEL [--layer NAME] [--rounds 7]
 * npm run bench:editor -- --nodes 10000 [--rounds 7]   a generated network of so many nodes, opened alone (--nameless: without names)
 */
const { values: { model: file, layer, rounds, nodes, nameless } } = parseArgs({ options: { model: { type: "string", default: "samples/resnet20-cifar10.onnx" }, layer: { type: "string" }, rounds: { type: "string", default: "7" }, nodes: { type: "string" }, nameless: { type: "boolean", default: false } } });
const ROUNDS = Number(rounds);

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Packages an extension whose editor for *.empty shows an empty page. */
const packageEmpty = (folder: string): string => packageExtension(folder, "empty", { contributes: { customEditors: [{ viewType: "bench.empty", displayName: "Empty", selector: [{ filenamePattern: "*.empty" }], priority: "default" }] } }, `
exports.activate = () => require("vscode").window.registerCustomEditorProvider("bench.empty", {
  openCustomDocument: (uri) => ({ uri, dispose() {} }),
  resolveCustomEditor: (_document, panel) => { panel.webview.options = { enableScripts: true }; panel.webview.html = "<!doctype html><title>empty</title><body data-ready=true><script>0</script></body>"; },
});`);

/** Counts what a page is sent from now on. */
const COUNT = `addEventListener("message", ({ data }) => {
  const size = (value) => value === null || value === undefined ? 0 : ArrayBuffer.isView(value) ? value.byteLength : value instanceof ArrayBuffer ? value.byteLength : typeof value === "string" ? value.length : typeof value === "object" ? Object.entries(value).reduce((sum, [key, inner]) => sum + key.length + size(inner), 0) : 8;
  globalThis.receivedBytes = (globalThis.receivedBytes ?? 0) + size(data);
}, true);`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function main(): Promise<void> {
  findWorkbench();
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-editor-")), model = nodes === undefined ? file : path.join(folder, `${nodes}-nodes.onnx`), name = path.basename(model);
  if (nodes !== undefined) writeFileSync(model, generatedModel(Number(nodes), 1, !nameless));
  const workbench = await Workbench.start({ others: [packageEmpty(folder)] }), { page } = workbench;
  try {
    if (!existsSync(path.join(workbench.folder, name))) copyFileSync(model, path.join(workbench.folder, name));
    writeFileSync(path.join(workbench.folder, "page.empty"), "");
    await workbench.row("page.empty").waitFor();
    await workbench.row(name).waitFor();
    /** The frame that has what is looked for; one that is slow to answer holds up no other. */
    const frameWith = async (selector: string): Promise<Frame> => {
      const asked = new Set<Frame>(), found: Frame[] = [];
      while (!found.length) {
        for (const frame of page.frames().filter((frame) => !asked.has(frame))) {
          asked.add(frame);
          void frame.locator(selector).count().catch(() => 0).then((count) => {
            asked.delete(frame);
            if (count) found.push(frame);
          });
        }
        await page.waitForTimeout(25);
      }
      return found[0];
    };
    const opened = (file: string, selector: string) => seconds(async () => {
      await workbench.row(file).dblclick();
      await frameWith(selector);
    });
    const empty: number[] = [], graph: number[] = [];
    for (let i = 0; i < ROUNDS + 1; i++) {
      empty.push(await opened("page.empty", "body[data-ready='true']:not(:has(#page))"));
      await workbench.tidy();
      graph.push(await opened(name, ".graph[data-ready]"));
      if (i < ROUNDS) {
        await workbench.tidy();
        await page.waitForTimeout(6000); // the model leaves the viewing process
      }
    }
    const first = median(graph.slice(1)) - median(empty.slice(1));
    console.log(`${name}: graph after ${median(graph.slice(1)).toFixed(2)} s, an empty page after ${median(empty.slice(1)).toFixed(2)} s; ${first.toFixed(2)} s beyond it (target ≤ ${nodes === undefined ? 0.6 : 1.5})`);
    if (nodes !== undefined) return;
    const shown = await frameWith(".side[data-layer]");
    await shown.evaluate(COUNT);
    copyFileSync(model, path.join(workbench.folder, name)); // a changed file is read again, as at the start
    await page.waitForTimeout(6000);
    console.log(`opening sends the page ${(await shown.evaluate<number>("globalThis.receivedBytes") / 1e6).toFixed(2)} MB (target ≤ 2)`);
    if (layer) await shown.locator(`tbody tr[data-id='${layer}']`).click().catch(async () => { await shown.locator("#tab-layers").click(); await shown.locator(`tbody tr[data-id='${layer}']`).click(); });
    await shown.locator("#tab-codebooks").click();
    await shown.waitForSelector(".book-trial:not([hidden]) .book-slider");
    await shown.waitForFunction(() => document.querySelector(".book-trial small")?.textContent === "Nothing is written.");
    /** Moves the slider in the page and waits until clusters, distortion and bits are drawn; of a large codebook, also until the estimate is. */
    const move = (words: number) => shown.evaluate(async (words) => {
      const slider = document.querySelector<HTMLInputElement>(".book-slider"), view = document.querySelector<HTMLElement>(".codebook"), figures = view?.querySelector(".figures"), start = performance.now();
      if (!slider || !view || !figures) throw new Error("no slider");
      const before = view.dataset.codebook, seconds = () => (performance.now() - start) / 1000;
      let estimate: number | undefined;
      slider.value = String(Math.log2(words));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      while (view.dataset.codebook === before && seconds() < 60) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (figures.textContent?.includes("≈")) estimate ??= seconds();
      }
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return { exact: seconds(), estimate };
    }, words);
    for (const words of [48, 128, 32, 256, 96, 192, 16, 1024, 512]) {
      const { exact, estimate } = await move(words);
      console.log(`${words} codewords: clusters, distortion and bits after ${exact.toFixed(2)} s${estimate === undefined ? "" : `, estimated after ${estimate.toFixed(2)} s`}`);
    }
  } finally {
    await workbench.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
