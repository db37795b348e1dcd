import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";

/** Python with packages from PyPI in a virtual environment of its own, made once; undefined where PyPI cannot be reached. */
export function pythonWith(folder: string, packages: readonly string[], modules: readonly string[]): string | undefined {
  const home = path.join(folder, "venv"), python = path.join(home, "bin", "python");
  if (existsSync(python) && spawnSync(python, ["-c", `import ${modules.join(", ")}`]).status === 0) return python;
  console.error(`Installing ${packages.join(", ")} from PyPI into ${home}, once.`);
  mkdirSync(folder, { recursive: true });
  rmSync(home, { recursive: true, force: true });
  if (spawnSync("python3", ["-m", "venv", home], { stdio: "inherit" }).status !== 0) return undefined;
  return spawnSync(python, ["-m", "pip", "install", "--quiet", ...packages], { stdio: "inherit" }).status === 0 ? python : undefined;
}
