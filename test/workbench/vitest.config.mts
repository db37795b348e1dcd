import path from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest begins first, so that two files at a time end together. */
const LONGEST = ["codebook", "recipe", "compare", "tuning", "accuracy", "recipe-jobs", "clusters", "graph-tools", "integers", "model-editor", "pruning", "many-models"];
const place = ({ moduleId }: TestSpecification): number => {
  const at = LONGEST.indexOf(path.basename(moduleId, ".test.ts"));
  return at < 0 ? LONGEST.length : at;
};
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> { return [...files].sort((a, b) => place(a) - place(b)); }
}

export default defineConfig({ test: {
  retry: process.env.CI ? 1 : 0, // a busy machine may lose a key; what fails and then passes is told
  expect: { poll: { timeout: 20_000, interval: 150 } }, include: ["test/workbench/**/*.test.ts"], globalSetup: ["test/workbench/installed.ts", "test/workbench/rated.ts"], testTimeout: 120_000, hookTimeout: 180_000, maxWorkers: 2, isolate: false, sequence: { sequencer: LongestFirst },
} });
