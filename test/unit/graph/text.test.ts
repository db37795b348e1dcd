import { expect, test } from "vitest";
import { shortenedName } from "../../../webview/charts/text";

test("a name that does not fit keeps both ends, as much of them as fits", () => {
  const within = (room: number) => shortenedName("functional_1/conv2d_137/BiasAdd", (text) => text.length <= room);
  expect(within(40)).toBe("functional_1/conv2d_137/BiasAdd");
  expect([within(20), within(11), within(1)].map((text) => text.length)).toEqual([20, 11, 2]);
  expect(within(20)).toBe("function…137/BiasAdd");
  // names of one exporter stay apart
  const names = Array.from({ length: 30 }, (_, i) => shortenedName(`conv2d_transpose_${i + 100}`, (text) => text.length <= 9));
  expect(new Set(names).size).toBe(names.length);
});
