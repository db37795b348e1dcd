import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Embeds .wasm files as bytes, as the build does. */
const wasmBytes = {
  name: "wasm-bytes",
  enforce: "pre" as const,
  load(id: string) {
    const [file] = id.split("?");
    return file.endsWith(".wasm") ? `export default Uint8Array.from(atob("${readFileSync(file).toString("base64")}"), (c) => c.charCodeAt(0));` : undefined;
  },
};

export default defineConfig({
  plugins: [wasmBytes],
  test: { server: { deps: { inline: [/@jsquash/] } }, include: ["test/unit/**/*.test.ts"], testTimeout: 60_000, maxWorkers: 2, isolate: false },
});
