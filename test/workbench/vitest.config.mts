import { defineConfig } from "vitest/config";

export default defineConfig({ test: { expect: { poll: { timeout: 20_000 } }, include: ["test/workbench/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false, maxWorkers: 1 } });
