import { defineConfig } from "vitest/config";
import { longestFirst } from "../helpers/longest.mts";

const sequencer = longestFirst(["codebook", "compare", "recipe", "tuning", "accuracy", "recipe-jobs", "clusters", "graph-tools", "integers", "model-editor", "pruning", "many-models"]);

export default defineConfig({ test: {
  retry: process.env.CI ? 1 : 0, // a busy machine may lose a key; what fails and then passes is told
  expect: { poll: { timeout: 20_000, interval: 150 } }, include: ["test/workbench/**/*.test.ts"], globalSetup: ["test/workbench/installed.ts", "test/workbench/rated.ts"], setupFiles: ["test/workbench/failed.ts"], testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 2, isolate: false, sequence: { sequencer },
} });
