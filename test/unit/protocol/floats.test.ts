import { expect, test } from "vitest";
import { floatLines } from "../../../src/protocol/floats";

test("what stays float is told by operator and reason, the most frequent first", () => {
  const node = (op: string, node: string, reason: string) => ({ op, node, reason });
  expect(floatLines([node("Conv", "head", "Asked."), ...["a", "b", "c", "d", "e"].map((name) => node("HardSwish", name, "No kernel.")), node("Conv", "first", "Asked."), node("Conv", "last", "It is a head.")])).toEqual([
    "5 HardSwish (a, b, c and 2 more): No kernel.", "2 Conv (head, first): Asked.", "Conv last: It is a head.",
  ]);
  expect(floatLines([])).toEqual([]);
});
