import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { Workbench } from "../test/workbench/workbench";
import { findWorkbench } from "./chromium";

/**
 * How long the extension host's event loop is held up while a model is opened and compressed, beside the same workbench with an extension that does nothing.
 * An extension of the benchmark's own measures, in the same host. npm run bench:host-delay
 */
const TARGET_MS = 50, RESOLUTION_MS = 2;

interface Delay { p50: number; p999: number; max: number; seconds: number }

/** Packages an extension that writes the delays of each phase; the phase's name is in the file "phase". */
function packageProbe(folder: string): string {
  const home = path.join(folder, "probe"), vsix = path.join(folder, "probe.vsix");
  mkdirSync(home);
  writeFileSync(path.join(home, "package.json"), JSON.stringify({ name: "probe", publisher: "bench", version: "1.0.0", license: "MIT", engines: { vscode: "^1.100.0" }, main: "./main.js", activationEvents: ["*"] }));
  writeFileSync(path.join(home, "README.md"), "Measures the event loop.");
  writeFileSync(path.join(home, "main.js"), `
const { readFile, writeFile } = require("node:fs/promises"), { monitorEventLoopDelay } = require("node:perf_hooks"), folder = ${JSON.stringify(folder)};
let phase = "", started = Date.now();
const delay = monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} });
exports.activate = () => {
  delay.enable();
  const timer = setInterval(async () => {
    const next = await readFile(folder + "/phase", "utf8").catch(() => "");
    if (next === phase) return;
    const milliseconds = (nanoseconds) => nanoseconds / 1e6 - ${RESOLUTION_MS};
    const result = { p50: milliseconds(delay.percentile(50)), p999: milliseconds(delay.percentile(99.9)), max: milliseconds(delay.max), seconds: (Date.now() - started) / 1000 };
    if (phase) await writeFile(folder + "/" + phase + ".json", JSON.stringify(result));
    phase = next;
    started = Date.now();
    delay.reset();
  }, 100);
  timer.unref();
};`);
  const require = createRequire(path.resolve("package.json")), vsce = path.join(path.dirname(require.resolve("@vscode/vsce/package.json")), "vsce");
  execFileSync(process.execPath, [vsce, "package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", vsix], { cwd: home, stdio: "ignore" });
  return vsix;
}

async function main(): Promise<void> {
  findWorkbench();
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-delay-"));
  const workbench = await Workbench.start({ others: [packageProbe(folder)] }), { page } = workbench;
  const phase = async (name: string, previous?: string): Promise<Delay | undefined> => {
    writeFileSync(path.join(folder, "phase"), name);
    const file = previous && path.join(folder, `${previous}.json`);
    while (file && !existsSync(file)) await page.waitForTimeout(100);
    return file ? JSON.parse(readFileSync(file, "utf8")) as Delay : undefined;
  };
  const show = (what: string, { p50, p999, max, seconds }: Delay): void => console.log(`${what}: delay ${p50.toFixed(1)} ms in the middle, ${p999.toFixed(1)} ms at 99.9 %, ${max.toFixed(1)} ms at most, over ${seconds.toFixed(0)} s`);
  try {
    await page.waitForTimeout(10_000); // a host that starts is busy with itself
    // the same gestures without the extension: files that VS Code shows itself
    await phase("empty");
    for (let i = 0; i < 4; i++) {
      await workbench.row("resnet20-cifar10.preprocess.json").dblclick();
      await page.waitForTimeout(4000);
      await workbench.row("NOTICE.md").dblclick();
      await page.waitForTimeout(4000);
    }
    await workbench.tidy();
    const empty = await phase("open", "empty");
    const model = await workbench.open("fashion-cnn.onnx");
    await model.waitForSelector(".graph[data-ready]");
    await workbench.open("resnet20-cifar10.onnx");
    await page.waitForTimeout(3000);
    const opening = await phase("compress", "open");
    await workbench.menu("fashion-cnn.onnx", "Compress Model");
    const quick = page.locator(".quick-input-list .monaco-list-row");
    await quick.filter({ hasText: "Balanced" }).click();
    await quick.filter({ hasText: "fashion-mnist" }).click();
    await workbench.modelPage("fashion-cnn.small.onnx", 400_000);
    const compressing = await phase("end", "compress");
    if (!empty || !opening || !compressing) throw new Error("A phase was not measured.");
    show("empty extension", empty);
    show("opening models", opening);
    show("compressing", compressing);
    const beyond = Math.max(opening.p999, compressing.p999) - empty.p999;
    console.log(`99.9th percentile beyond the empty extension's: ${beyond.toFixed(1)} ms (target ≤ ${TARGET_MS})`);
    if (beyond > TARGET_MS) process.exitCode = 1;
  } finally {
    await workbench.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
