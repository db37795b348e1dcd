import path from "node:path";
import { buildSync } from "esbuild";

/** Bundles a script of test/engine for a process of its own. @returns where it lies */
export function bundle(name: string): string {
  const outfile = path.resolve(`.cache/${name}-${process.pid}.cjs`);
  buildSync({
    entryPoints: [`test/engine/${name}.ts`], outfile, bundle: true, platform: "node", target: "node20", logLevel: "warning",
    external: ["onnxruntime-node"], loader: { ".wasm": "binary" }, define: { "import.meta.url": "moduleUrl" },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  return outfile;
}
