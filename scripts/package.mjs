// Writes the VSIX for this platform into dist/.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const target = process.env.KERNELSCOPE_TARGET ?? `${process.platform}-${process.arch}`, file = `dist/kernelscope-${target}.vsix`;
const run = (args) => {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run(["scripts/build.mjs"]);
const vsce = path.join(path.dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");
run([vsce, "package", "--target", target, "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", file]);
console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
