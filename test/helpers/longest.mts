import path from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files in the order of these names, what is not among them last: where what takes longest begins first, two files at a time end together. */
export const longestFirst = (names: readonly string[]): typeof BaseSequencer => {
  const place = ({ moduleId }: TestSpecification): number => {
    const at = names.indexOf(path.basename(moduleId, ".test.ts"));
    return at < 0 ? names.length : at;
  };
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> { return [...files].sort((a, b) => place(a) - place(b)); }
  };
};
