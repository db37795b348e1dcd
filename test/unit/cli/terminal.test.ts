import { afterEach, expect, test, vi } from "vitest";
import { reporter } from "../../../src/cli/terminal";

/** What commands tell on standard error while they run. */

afterEach(() => { vi.restoreAllMocks(); });

test("what speaks against the images is told once, before any rating, also where standard error is no terminal", () => {
  const lines: string[] = [], wasTerminal = process.stderr.isTTY;
  process.stderr.isTTY = false;
  vi.spyOn(process.stderr, "write").mockImplementation((text) => { lines.push(String(text)); return true; });
  try {
    const { report } = reporter(false), warning = "The images are grey.";
    for (let size = 0; size < 2; size++) {
      report({ stage: "read", text: "reading images", fraction: 0 });
      report({ stage: "read", text: "trying the original on them", fraction: 0.01, warning });
      report({ stage: "sensitivity", text: "rating layer a", fraction: 0.03, warning });
    }
  } finally {
    process.stderr.isTTY = wasTerminal;
  }
  expect(lines.slice(0, 3)).toEqual(["  0 % reading images\n", "Warning: The images are grey.\n", "  3 % rating layer a\n"]);
  expect(lines.filter((line) => line.startsWith("Warning"))).toHaveLength(1);
});
