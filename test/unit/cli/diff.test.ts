import { expect, test } from "vitest";
import { countedNodes } from "../../../src/cli/diff";

test("nodes are counted by operator, with the names that say something", () => {
  const node = (op: string, name: string) => ({ op, name });
  expect(countedNodes([node("QuantizeLinear", "1h"), node("DequantizeLinear", "1i"), node("QuantizeLinear", "")])).toBe("2 QuantizeLinear, 1 DequantizeLinear");
  expect(countedNodes(["stem.act", "x1", "a.relu", "b.relu", "c.relu", "d.relu"].map((name) => node("Relu", name)))).toBe("6 Relu (stem.act, a.relu, b.relu, c.relu and 1 more)");
});
