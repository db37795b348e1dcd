import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Frame } from "playwright-core";
import { generatedModel } from "../test/helpers/generated-graph";
import { Workbench } from "../test/workbench/workbench";
import { findWorkbench } from "./chromium";

/**
 * Time from frame to frame while a graph is panned and zoomed, drawn by software and with nothing that waits for a screen; beside it that of a page which only changes
 * a colour in a box of the same size. All groups are unfolded.
 * npm run bench:frames [-- --nodes 10000] [--frames 400]
 */
const { values } = parseArgs({ options: { nodes: { type: "string", default: "10000" }, frames: { type: "string", default: "400" } } });
const FRAMES = Number(values.frames);

const quantile = (times: readonly number[], share: number): number => [...times].sort((a, b) => a - b)[Math.floor(share * (times.length - 1))];

/** Milliseconds between frames; what happens in each is `step`, code of a function of its number. */
async function frames(page: Frame, step: string): Promise<number[]> {
  return page.evaluate<number[], [string, number]>(async ([code, count]) => {
    const act = new Function("i", code) as (i: number) => void, times: number[] = [];
    let last = await new Promise<number>(requestAnimationFrame);
    for (let i = 0; i < count; i++) {
      act(i);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      if (i > 20) times.push(now - last);
      last = now;
    }
    return times;
  }, [step, FRAMES]);
}

const wheel = (x: string, y: string, ctrl: boolean): string => `document.querySelector(".graph-stage").dispatchEvent(new WheelEvent("wheel", { deltaX: ${x}, deltaY: ${y}, ctrlKey: ${ctrl}, clientX: 600, clientY: 450, bubbles: true, cancelable: true }))`;

async function main(): Promise<void> {
  findWorkbench();
  process.env.KERNELSCOPE_CHROMIUM_FLAGS = "--disable-frame-rate-limit --disable-gpu-vsync";
  const workbench = await Workbench.start(), name = "network.onnx";
  try {
    writeFileSync(path.join(workbench.folder, name), generatedModel(Number(values.nodes), 1));
    await workbench.row(name).waitFor();
    const page = await workbench.open(name);
    await page.waitForSelector(".graph[data-ready]");
    await page.locator(".spine").focus();
    await workbench.page.keyboard.press("*");
    await workbench.page.keyboard.press("0");
    await workbench.page.waitForTimeout(8000);
    const tell = (what: string, times: readonly number[]): void => console.log(`${what}: median ${quantile(times, 0.5).toFixed(1)} ms, 95 % ${quantile(times, 0.95).toFixed(1)} ms`);
    const whole = await frames(page, wheel("0", "i % 40 < 20 ? 2 : -2", false)), zooming = await frames(page, wheel("0", "i % 200 < 160 ? -8 : 32", true));
    await workbench.page.keyboard.press(".");
    const panning = await frames(page, wheel("i % 60 < 30 ? 12 : -12", "i % 200 < 100 ? 40 : -40", false));
    const plain = await frames(page, 'const box = document.querySelector(".legend"); box.style.color = i % 2 ? "red" : "blue"');
    tell("all of it, moved", whole);
    tell("zooming", zooming);
    tell("panning", panning);
    tell("a page that changes a colour", plain);
    console.log(`${values.nodes} nodes, panned and zoomed: 95 % of frames within ${quantile([...whole, ...zooming, ...panning], 0.95).toFixed(1)} ms (target ≤ 16)`);
  } finally {
    await workbench.stop();
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
