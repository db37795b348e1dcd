import { spawnSync } from "node:child_process";

/** Debian's Python with the named modules, as an independent opinion; undefined where it is missing, which CI does not forgive. */
export function python(...modules: string[]): ((script: string, input?: Buffer) => Buffer) | undefined {
  const command = "/usr/bin/python3";
  const there = spawnSync(command, ["-c", `import ${modules.join(", ")}`]).status === 0;
  if (!there) {
    if (process.env.CI) throw new Error(`CI needs Debian's Python with ${modules.join(", ")}`);
    return undefined;
  }
  return (script, input) => {
    const run = spawnSync(command, ["-c", script], { input, maxBuffer: 1 << 30 });
    if (run.status !== 0) throw new Error(run.stderr.toString());
    return run.stdout;
  };
}
