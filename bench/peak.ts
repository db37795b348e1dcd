import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Runs the command line and gives its peak of resident memory in bytes. */
export async function peakOf(args: string[], folder: string, output: "inherit" | "ignore" = "inherit"): Promise<number> {
  const note = path.join(folder, "peak"), hook = path.join(folder, "hook.cjs");
  // what getrusage tells of a child includes its parent
  writeFileSync(hook, `process.on("exit", () => {
  const fs = require("node:fs"), status = process.platform === "linux" ? /VmHWM:\\s*(\\d+)/.exec(fs.readFileSync("/proc/self/status", "latin1")) : undefined;
  fs.writeFileSync(${JSON.stringify(note)}, status ? status[1] : String(process.resourceUsage().maxRSS));
});`);
  const child = spawn(process.execPath, ["--require", hook, "dist/cli.js", ...args], { stdio: ["ignore", output, "inherit"] });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`The command line ended with ${String(code)}.`);
  return Number(readFileSync(note, "latin1")) * 1024;
}
