import { execFileSync } from "node:child_process";

/** Compresses a model by the command line, on one thread because another file of tests has the other core. @param options more of the command line */
export function compress(model: string, ...options: string[]): void {
  execFileSync(process.execPath, ["dist/cli.js", "compress", model, "--threads", "1", "--quiet", ...options], { stdio: ["ignore", "ignore", "inherit"] });
}
