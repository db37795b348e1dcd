// Bundles everything into dist/: extension, worker, threads, command line, page, recipe schema.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { build } from "esbuild";
import { writeStrings } from "./strings.mjs";

spawnSync(process.execPath, ["scripts/build-wasm.mjs"], { stdio: "inherit" });
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
rmSync("dist/page", { recursive: true, force: true });

const node = {
  bundle: true, platform: "node", target: "node20", format: "cjs", outdir: "dist", minify: true, sourcemap: false, logLevel: "warning", legalComments: "external",
  external: ["vscode", "onnxruntime-node"], loader: { ".wasm": "binary" },
  define: { KERNELSCOPE_VERSION: JSON.stringify(version), "import.meta.url": "moduleUrl" },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
};
await build({ ...node, entryPoints: { extension: "src/extension.ts", worker: "src/worker/main.ts", compute: "src/worker/compute.ts", decode: "src/worker/decode.ts" } });
await build({ ...node, external: [...node.external, "umap-js"], entryPoints: { cli: "src/cli.ts" } }); // it compares models as the worker does, and draws nothing

const page = { bundle: true, platform: "browser", target: "chrome128", format: "iife", minify: true, logLevel: "warning", loader: { ".ttf": "file" }, assetNames: "[name]" };
const layout = await build({ ...page, entryPoints: ["webview/graph/layout-worker.ts"], outdir: "dist/page", write: false });
await build({
  ...page, entryPoints: { page: "webview/page.ts" }, outdir: "dist/page", legalComments: "external",
  define: { LAYOUT_WORKER: JSON.stringify(layout.outputFiles[0].text) },
});

// The recipe's JSON schema comes from the same definition that checks recipes.
mkdirSync(".cache", { recursive: true });
await build({ ...node, minify: false, outdir: undefined, entryPoints: ["src/compression/recipe.ts"], outfile: ".cache/recipe.cjs" });
const { createRequire } = await import("node:module");
const { recipeSchema } = createRequire(import.meta.url)(path.resolve(".cache/recipe.cjs"));
writeFileSync("dist/recipe.schema.json", `${JSON.stringify(recipeSchema(), null, 1)}\n`);

writeStrings();

// onnxruntime stands beside the bundles, with the files of this platform alone.
const target = process.env.KERNELSCOPE_TARGET ?? `${process.platform}-${process.arch}`, [platform, arch] = target.split("-");
const runtime = "dist/node_modules/onnxruntime-node", native = `bin/napi-v6/${platform}/${arch}`;
if (!existsSync(`${runtime}/${native}`)) {
  rmSync("dist/node_modules", { recursive: true, force: true });
  for (const part of ["dist", "package.json", native]) cpSync(`node_modules/onnxruntime-node/${part}`, `${runtime}/${part}`, { recursive: true, dereference: true });
  for (const part of ["dist/cjs", "package.json"]) cpSync(`node_modules/onnxruntime-common/${part}`, `dist/node_modules/onnxruntime-common/${part}`, { recursive: true });
}
