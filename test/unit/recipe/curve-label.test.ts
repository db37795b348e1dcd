import { expect, test } from "vitest";
import { boxesOf, labelPlace } from "../../../webview/recipe/curve-label";

const room = { left: 40, right: 340, top: 10, bottom: 150 }, width = 80;

test("a name stands as near to its mark as nothing else does, on the side that has room", () => {
  expect(labelPlace({ x: 100, y: 40 }, width, room, [])).toMatchObject({ x: 114, anchor: "start" });
  // at the right end there is room on the left only
  expect(labelPlace({ x: 330, y: 40 }, width, room, [])).toMatchObject({ x: 316, anchor: "end" });
});

test("a name keeps clear of everything that is drawn, and is left out where nothing is free", () => {
  const curve = boxesOf([{ x: 40, top: 140, bottom: 150 }, { x: 120, top: 60, bottom: 90 }, { x: 340, top: 20, bottom: 40 }]);
  for (const [x, y] of [[60, 120], [120, 70], [300, 30]]) {
    const place = labelPlace({ x, y }, width, room, curve)!, left = place.anchor === "start" ? place.x : place.x - width;
    expect(left).toBeGreaterThanOrEqual(room.left);
    expect(left + width).toBeLessThanOrEqual(room.right);
    expect(curve.filter((box) => box.left < left + width && box.right > left && box.top < place.y + 8 && box.bottom > place.y - 8)).toEqual([]);
  }
  expect(labelPlace({ x: 100, y: 40 }, width, room, [room])).toBeUndefined();
});
