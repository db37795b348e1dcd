// Bundles one TypeScript file and runs it: node scripts/run-ts.mjs bench/NAME.ts [arguments]
import { spawnSync } from "node:child_process";
import path from "node:path";
import { buildSync } from "esbuild";

const [file, ...args] = process.argv.slice(2);
const outfile = path.resolve(".cache", file.replace(/\.ts$/, ".cjs").replace(/[\\/]/g, "-"));
buildSync({
  entryPoints: [file], outfile, bundle: true, platform: "node", target: "node20", format: "cjs", sourcemap: "inline", logLevel: "warning",
  external: ["onnxruntime-node", "onnxruntime-web", "playwright-core"], loader: { ".wasm": "binary" },
  define: { "import.meta.url": "__importMetaUrl" }, banner: { js: "const __importMetaUrl = require('url').pathToFileURL(__filename);" },
});
const run = spawnSync(process.execPath, ["--enable-source-maps", outfile, ...args], { stdio: "inherit", env: { ...process.env, NODE_PATH: path.resolve("node_modules") } });
process.exit(run.status ?? 1);
