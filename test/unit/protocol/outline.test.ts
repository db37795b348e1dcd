import fc from "fast-check";
import { expect, test } from "vitest";
import { chosenBy } from "../../../src/protocol/outline";

const square = (left: number, low: number, side: number): number[] => [left, low, left + side, low, left + side, low + side, left, low + side];
const star = Array.from({ length: 5 }, (_, i) => [Math.cos(4 * Math.PI * i / 5), Math.sin(4 * Math.PI * i / 5)]).flat();

test("what lies inside is chosen, whichever way round and wherever the outline begins", () => {
  const square1 = square(0, 0, 2), other = [2, 2, 2, 0, 0, 0, 0, 2];
  for (const points of [square1, other]) {
    const is = chosenBy([{ points }]);
    expect([is(1, 1), is(0.01, 1.99), is(-0.01, 1), is(1, 2.01), is(3, 3), is(NaN, 1)]).toEqual([true, true, false, false, false, false]);
  }
});

test("a hollow is outside, and what is gone around twice is inside", () => {
  const horseshoe = chosenBy([{ points: [0, 0, 3, 0, 3, 3, 2, 3, 2, 1, 1, 1, 1, 3, 0, 3] }]);
  expect([horseshoe(0.5, 2), horseshoe(1.5, 2), horseshoe(2.5, 2), horseshoe(1.5, 0.5)]).toEqual([true, false, true, true]);
  expect(chosenBy([{ points: star }])(0, 0)).toBe(true);
});

test("later outlines add to the first and take away from it", () => {
  const is = chosenBy([{ points: square(0, 0, 4) }, { points: square(1, 1, 2), takes: true }, { points: square(1.5, 1.5, 1) }, { points: square(9, 9, 1) }]);
  expect([is(0.5, 0.5), is(1.2, 1.2), is(2, 2), is(9.5, 9.5), is(6, 6)]).toEqual([true, false, true, true, false]);
});

test("nothing is chosen by nothing", () => {
  for (const points of [[], [1, 1], [0, 0, 1, 1]]) expect(chosenBy([{ points }])(0.5, 0.5)).toBe(false);
  expect(chosenBy([])(0, 0)).toBe(false);
});

test("any polygon agrees with the angle that it turns around a point", () => {
  const corner = fc.integer({ min: -20, max: 20 });
  fc.assert(fc.property(fc.array(fc.tuple(corner, corner), { minLength: 3, maxLength: 12 }), corner, corner, (corners, px, py) => {
    const [x, y] = [px + 0.37, py + 0.41]; // on no edge: those go through whole numbers, with slopes of small ones
    let turned = 0;
    corners.forEach(([ax, ay], i) => {
      const [bx, by] = corners[(i + 1) % corners.length];
      turned += Math.atan2((ax - x) * (by - y) - (ay - y) * (bx - x), (ax - x) * (bx - x) + (ay - y) * (by - y));
    });
    fc.pre(corners.every(([ax, ay], i) => { const [bx, by] = corners[(i + 1) % corners.length]; return Math.abs((ax - x) * (by - y) - (ay - y) * (bx - x)) > 1e-9; }));
    expect(chosenBy([{ points: corners.flat() }])(x, y)).toBe(Math.round(turned / (2 * Math.PI)) !== 0);
  }));
});
