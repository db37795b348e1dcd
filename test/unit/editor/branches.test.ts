import { expect, test } from "vitest";
import { branchesOf, branchOf, type Branch } from "../../../src/editor/branches";
import type { LayerRow } from "../../../src/protocol/api";

const row = (label: string, bytes: number): LayerRow => ({ label, name: `${label}.weight`, op: "Conv", shape: [1], bytes, bitsPerWeight: 32, parameters: bytes / 4, consumers: [], dataType: "float32" });
const text = (branches: readonly Branch[], indent = ""): string[] => branches.flatMap(({ name, bytes, children }) => [`${indent}${name} ${bytes}`, ...text(children, `${indent}  `)]);

test("layers are grouped by dotted names, in the order of the network", () => {
  const branches = branchesOf([row("stem", 4), row("layer1.0.conv1", 8), row("layer1.0.conv2", 8), row("layer1.1.conv1", 8), row("head.fc", 12)]);
  expect(text(branches)).toEqual(["stem 4", "layer1 24", "  layer1.0 16", "    conv1 8", "    conv2 8", "  layer1.1.conv1 8", "head.fc 12"]);
  expect(branchOf(branches, "layer1.0.conv2.weight")?.parent?.name).toBe("layer1.0");
  expect(branchOf(branches, "layer1.0.conv2.weight")?.parent?.parent).toBe(branches[1]);
  expect(branchOf(branches, "none")).toBeUndefined();
});

test("names without dots are a flat list, and equal names stay apart", () => {
  expect(text(branchesOf([row("0", 1), row("3", 2), row("3", 2)]))).toEqual(["0 1", "3 2", "3 2"]);
});
