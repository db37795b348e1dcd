import { expect, test } from "vitest";
import { boxesOf, labelPlace, leadTo } from "../../../webview/recipe/curve-label";

const room = { left: 40, right: 340, top: 10, bottom: 150 }, width = 80;

test("a name stands as near to its mark as nothing else does, and a line leads there", () => {
  const mark = { x: 100, y: 40 }, below = labelPlace(mark, width, room, [])!;
  expect(below.left).toBeLessThanOrEqual(mark.x);
  expect(below.right).toBeGreaterThanOrEqual(mark.x);
  expect(leadTo(below, mark, 6)).toBe(`M100 46V${below.y - 8}`);
  // what leads on below the mark leaves room beside it
  const beside = labelPlace(mark, width, room, [{ left: 95, right: 105, top: 40, bottom: 150 }, { left: 40, right: 340, top: 10, bottom: 30 }])!;
  expect(beside.left).toBeGreaterThanOrEqual(mark.x + 14);
  expect(leadTo(beside, mark, 6)).toBe(`M100 46V${beside.y}H${beside.left - 4}`);
});

test("a name keeps clear of everything that is drawn, and is left out where nothing is free", () => {
  const curve = boxesOf([{ x: 40, top: 140, bottom: 150 }, { x: 120, top: 60, bottom: 90 }, { x: 340, top: 20, bottom: 40 }]);
  for (const [x, y] of [[60, 120], [120, 70], [300, 30]]) {
    const { left, y: middle } = labelPlace({ x, y }, width, room, curve)!;
    expect(left).toBeGreaterThanOrEqual(room.left);
    expect(left + width).toBeLessThanOrEqual(room.right);
    expect(curve.filter((box) => box.left < left + width && box.right > left && box.top < middle + 8 && box.bottom > middle - 8)).toEqual([]);
  }
  expect(labelPlace({ x: 100, y: 40 }, width, room, [room])).toBeUndefined();
});

test("the line to a name leads through no other mark", () => {
  const mark = { x: 100, y: 40 }, below = { left: 93, right: 107, top: 60, bottom: 74 }, place = labelPlace(mark, width, room, [below], [below])!;
  const [, y] = /^M100 46V([\d.]+)/.exec(leadTo(place, mark, 6)) ?? [];
  expect(Number(y ?? place.y)).toBeLessThanOrEqual(below.top);
  expect(labelPlace(mark, width, room, [below])!.y).toBeDefined();
  // beside the mark there is room, but another stands on the way
  const left = { left: 60, right: 90, top: 10, bottom: 150 }, right = { left: 110, right: 130, top: 10, bottom: 150 }, under = { left: 93, right: 107, top: 50, bottom: 150 };
  expect(labelPlace(mark, width, { ...room, top: 30 }, [left, right, under], [left, right, under])).toBeUndefined();
});
