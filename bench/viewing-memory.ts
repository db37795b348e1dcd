import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Frame } from "playwright-core";
import { Workbench } from "../test/workbench/workbench";
import { findWorkbench } from "./chromium";
import { layerBytes, writeLargeModel } from "./large-model";

/**
 * Memory that looking at a model of a gigabyte takes beyond that of a model of a few nodes: of the browser's pages and of the viewing process, the most while graph, layers and a codebook of each are opened. Linux.
 * npm run bench:viewing-memory -- [GIGABYTES]
 */
const TARGET = 200, CHANNELS = 1024, [gigabytes = "1"] = process.argv.slice(2);

/** Bytes that a process has to itself, and its share of what it has in common with others. */
function proportionalBytes(pid: number): number {
  try {
    return 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))![1]);
  } catch {
    return 0; // it has ended
  }
}

/** Processes that draw pages, and those that read models for this workbench. */
async function processes({ page, folder }: Workbench): Promise<{ pages: number[]; viewing: number[] }> {
  const session = await page.context().browser()!.newBrowserCDPSession(), { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const viewing = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n").filter((line) => line.includes("dist/worker.js") && line.includes(path.dirname(folder))).map((line) => Number(line.trim().split(" ")[0]));
  return { pages: processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id), viewing };
}

interface Memory { pages: number; viewing: number }
async function memory(workbench: Workbench): Promise<Memory> {
  const { pages, viewing } = await processes(workbench), sum = (pids: readonly number[]) => pids.reduce((all, pid) => all + proportionalBytes(pid), 0);
  return { pages: sum(pages), viewing: sum(viewing) };
}

/** The most while something is done. */
async function mostDuring(workbench: Workbench, work: () => Promise<void>): Promise<Memory> {
  let most: Memory = { pages: 0, viewing: 0 }, isDone = false;
  const watch = (async () => {
    while (!isDone) {
      const now = await memory(workbench);
      if (now.pages + now.viewing > most.pages + most.viewing) most = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await watch;
  }
  return most;
}

/** Opens a model and goes through its tabs. */
async function look(workbench: Workbench, name: string): Promise<void> {
  const page: Frame = await workbench.open(name);
  await page.waitForSelector(".graph[data-ready]");
  await page.locator("#tab-layers").click();
  await page.waitForSelector("tbody tr");
  await page.locator("#tab-codebooks").click();
  await page.waitForSelector(".codebook[data-codebook]", { timeout: 120_000 });
  await page.waitForTimeout(3000);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

async function main(): Promise<void> {
  findWorkbench();
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-viewing-")), { model, bytes } = writeLargeModel(folder, { name: "large", channels: CHANNELS, layers: Math.ceil(Number(gigabytes) * 1e9 / layerBytes(CHANNELS)) }), workbench = await Workbench.start();
  try {
    const measure = async (name: string) => {
      const most = await mostDuring(workbench, () => look(workbench, name)), after = await memory(workbench);
      console.log(`${name}: at most ${megabytes(most.pages)} in pages and ${megabytes(most.viewing)} in the viewing process, then ${megabytes(after.pages)} and ${megabytes(after.viewing)}`);
      await workbench.tidy();
      await workbench.page.waitForTimeout(8000); // the viewing process ends
      return most.pages + most.viewing;
    };
    writeLargeModel(workbench.folder, { name: "few", channels: 8, layers: 2 });
    await workbench.row("few.onnx").waitFor();
    await measure("few.onnx"); // what is read once in a window
    const few = await measure("few.onnx");
    for (const file of [`${model}.data`, model]) copyFileSync(file, path.join(workbench.folder, path.basename(file)));
    await workbench.row("large.onnx").waitFor();
    const more = await measure("large.onnx") - few;
    console.log(`A model of ${megabytes(bytes)} takes ${megabytes(more)} more than one of a few nodes (target ≤ ${TARGET} MB)`);
    if (more > 1e6 * TARGET) process.exitCode = 1;
  } finally {
    await workbench.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
