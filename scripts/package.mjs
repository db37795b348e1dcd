// Writes the VSIX for this platform into dist/; with --quiet says only how large it is, unless something fails.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const target = process.env.KERNELSCOPE_TARGET ?? `${process.platform}-${process.arch}`, file = `dist/kernelscope-${target}.vsix`;
const quiet = process.argv.includes("--quiet");
const run = (args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { stdio: quiet ? "pipe" : "inherit", encoding: "utf8" });
  if (status === 0) return;
  if (quiet) console.error(stdout + stderr);
  process.exit(status ?? 1);
};
run(["scripts/build.mjs"]);
const vsce = path.join(path.dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");
run([vsce, "package", "--target", target, "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", file]);
console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
