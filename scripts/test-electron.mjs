// Tests in VS Code as users have it, Electron and its own extension host: a small suite inside the host, then the workbench tests with Playwright.
// They need a VS Code that can be downloaded, or the path of one in KERNELSCOPE_VSCODE, and a display; without them they are skipped and say why. `npm test` leaves them out.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { buildSync } from "esbuild";

const VERSION = "1.100.3";

function skip(reason) {
  console.log(`Electron tests skipped: ${reason}.`);
  process.exit(0);
}

async function executable() {
  const named = process.env.KERNELSCOPE_VSCODE;
  if (named) return existsSync(named) ? named : skip(`there is no ${named}, which KERNELSCOPE_VSCODE names`);
  try {
    return await downloadAndUnzipVSCode({ version: VERSION, cachePath: path.resolve(".cache/vscode"), timeout: 60_000 });
  } catch (error) {
    return skip(`VS Code ${VERSION} cannot be downloaded (${error instanceof Error ? error.message : error}); KERNELSCOPE_VSCODE may name one that is installed`);
  }
}

if (process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) skip("there is no display (start it under xvfb-run)");
const code = await executable();
const run = (args, env = {}) => spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...env } }).status ?? 1;
if (run(["scripts/package.mjs"]) !== 0) process.exit(1);

mkdirSync(".cache", { recursive: true });
const suite = path.resolve(".cache/electron-suite.cjs"), home = mkdtempSync(path.join(os.tmpdir(), "kernelscope-electron-")), folder = path.join(home, "models");
buildSync({ entryPoints: ["test/electron/suite.ts"], outfile: suite, bundle: true, platform: "node", target: "node20", format: "cjs", external: ["vscode"], logLevel: "warning" });
cpSync("samples", folder, { recursive: true });
mkdirSync(path.join(home, "user", "User"), { recursive: true });
writeFileSync(path.join(home, "user", "User", "settings.json"), JSON.stringify({ "workbench.startupEditor": "none" }));
let failed = 0;
try {
  failed = await runTests({
    vscodeExecutablePath: code, extensionDevelopmentPath: process.cwd(), extensionTestsPath: suite,
    launchArgs: [folder, "--user-data-dir", path.join(home, "user"), "--extensions-dir", path.join(home, "extensions"), "--disable-workspace-trust", "--disable-telemetry", "--no-sandbox"],
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  failed = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exit(failed || run(["node_modules/vitest/vitest.mjs", "run", "--config", "test/workbench/vitest.config.mts", ...process.argv.slice(2)], { KERNELSCOPE_ELECTRON: code }));
