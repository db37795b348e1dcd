import { expect, test } from "vitest";
import { boxesIn, wanted, widthWith } from "../../../webview/compare/boxes";

test("boxes are as wide as their words where there is room, and no wider", () => {
  const want = wanted({ line: 132.5, aside: 58 });
  expect(boxesIn(widthWith(want, 3), want, 3)).toEqual({ line: 132.5, aside: 58 });
  expect(boxesIn(400, want, 3)).toEqual({ line: 132.5, aside: 58 });
});

test("where nothing stands aside the line has that room, too", () => {
  expect(widthWith(wanted({ line: 132, aside: 0 }), 1)).toBeLessThan(widthWith(wanted({ line: 132, aside: 20 }), 1) - 30);
  expect(boxesIn(170, wanted({ line: 132, aside: 0 }), 1)).toEqual({ line: 132, aside: 0 });
});

test("what stands aside gives way before the line does, and both keep something", () => {
  const want = wanted({ line: 140, aside: 80 }), room = widthWith(want, 1);
  expect(boxesIn(room - 30, want, 1)).toEqual({ line: 140, aside: 50 });
  expect(boxesIn(room - 60, want, 1)).toEqual({ line: 128, aside: 32 });
  expect(boxesIn(0, want, 1)).toEqual({ line: 84, aside: 32 });
});
