import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/**
 * Packages a small extension that a test or a benchmark needs beside ours.
 * @param manifest what its manifest holds beside its name
 * @param main its program, CommonJS
 * @returns the package's path in the folder
 */
export function packageExtension(folder: string, name: string, manifest: object, main: string): string {
  const home = path.join(folder, name), vsix = path.join(folder, `${name}.vsix`);
  mkdirSync(home);
  writeFileSync(path.join(home, "package.json"), JSON.stringify({ name, publisher: "kernelscope-tests", version: "1.0.0", license: "MIT", engines: { vscode: "^1.100.0" }, main: "./main.js", activationEvents: [], ...manifest }));
  writeFileSync(path.join(home, "README.md"), "Serves a test.");
  writeFileSync(path.join(home, "main.js"), main);
  const vsce = path.join(path.dirname(createRequire(path.resolve("package.json")).resolve("@vscode/vsce/package.json")), "vsce");
  execFileSync(process.execPath, [vsce, "package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", vsix], { cwd: home, stdio: "ignore" });
  return vsix;
}
