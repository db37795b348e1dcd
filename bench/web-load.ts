import { createReadStream, existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { chromium } from "playwright-core";
import { findChromium } from "./chromium";

/**
 * Load time of a compressed model ÷ the original's on onnxruntime-web in Chromium, in alternating runs of one page. Both files are in the page's memory before.
 * npm run bench:web-load -- ORIGINAL COMPRESSED
 */
const [original, compressed] = process.argv.slice(2);
const PAIRS = 15;
const RUNTIME = path.resolve("node_modules/onnxruntime-web/dist");
const TYPES: Record<string, string> = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };

/** Serves the page, the runtime and both models to this machine alone. */
async function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname).slice(1);
    if (name === "") return void response.setHeader("content-type", "text/html").end("<!doctype html><title>Load time</title>");
    const file = name === "original" ? original : name === "compressed" ? compressed : path.join(RUNTIME, path.basename(name));
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.setHeader("content-type", TYPES[path.extname(name)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** What the page runs: the ratio of each pair. Plain text, because it is no code of this process. */
const MEASURE = `(async () => {
  const ort = await import("/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  const fetched = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
  const files = [await fetched("/original"), await fetched("/compressed")];
  const time = async (file) => {
    const start = performance.now(), session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] }), spent = performance.now() - start;
    await session.release();
    return spent;
  };
  for (const file of files) await time(file);
  const ratios = [];
  for (let i = 0; i < ${PAIRS}; i++) {
    const first = await time(files[i % 2]), second = await time(files[1 - i % 2]);
    ratios.push(i % 2 ? first / second : second / first);
  }
  return ratios;
})()`;

async function main(): Promise<void> {
  if (!original || !compressed || !existsSync(original) || !existsSync(compressed)) throw new Error("Give two models: the original and the compressed one.");
  const executablePath = findChromium();
  const server = await serve(), browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const ratios = (await page.evaluate<number[]>(MEASURE)).sort((a, b) => a - b);
    console.log(`load time in Chromium, compressed ÷ original: ${ratios[PAIRS >> 1].toFixed(2)} (median of ${PAIRS} pairs, ${ratios[0].toFixed(2)} to ${ratios[PAIRS - 1].toFixed(2)})`);
  } finally {
    await browser.close();
    server.close();
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
