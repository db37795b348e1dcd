// Tests in VS Code's own workbench: packages the extension (not with --packaged, where that is done), installs it into code-server, drives it with Chromium.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { ensureWorkbench } from "./workbench.mjs";

const chromium = [process.env.KERNELSCOPE_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"].find((file) => file && existsSync(file));
mkdirSync("test-results", { recursive: true });
if (!chromium) {
  const reason = "no Chromium was found (install your system's, or set KERNELSCOPE_CHROMIUM to its path)";
  console.log(`Workbench tests ${process.env.CI ? "failed" : "skipped"}: ${reason}.`);
  writeFileSync("test-results/workbench.json", JSON.stringify({ numPassedTests: 0, numFailedTests: process.env.CI ? 1 : 0, numPendingTests: process.env.CI ? 0 : 1 }));
  process.exit(process.env.CI ? 1 : 0);
}
const run = (args, env = {}) => spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...env } }).status ?? 1;
const options = process.argv.slice(2).filter((option) => option !== "--packaged");
if (options.length === process.argv.length - 2 && run(["scripts/package.mjs"]) !== 0) process.exit(1);
const entry = ensureWorkbench();
process.exit(run(["node_modules/vitest/vitest.mjs", "run", "--config", "test/workbench/vitest.config.mts", "--reporter=default", "--reporter=json", "--outputFile=test-results/workbench.json", ...options],
  { KERNELSCOPE_CHROMIUM: chromium, KERNELSCOPE_WORKBENCH: entry, KERNELSCOPE_TRAINED: ".cache/workbench" }));
