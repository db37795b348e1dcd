import { expect, test } from "vitest";
import { png, readPng } from "../helpers/png";
import { python } from "../helpers/python";

const pillow = python("PIL", "numpy");
const PICTURE = `
import sys, io, numpy
from PIL import Image
y, x = numpy.mgrid[0:37, 0:53]
pixels = numpy.stack([x * 4, y * 6, (x * y) % 251, 255 - x], axis=2).astype(numpy.uint8)[:, :, :CHANNELS]
`;

test.skipIf(!pillow).each([3, 4])("a PNG of %i channels is read as Pillow wrote it, whichever filters its lines have", (channels) => {
  const make = PICTURE.replace("CHANNELS", String(channels));
  const { pixels, width, height } = readPng(pillow!(`${make}\nImage.fromarray(pixels).save(sys.stdout.buffer, "PNG", optimize=True)`));
  expect([width, height]).toEqual([53, 37]);
  expect(Buffer.from(pixels).equals(pillow!(`${make}\nsys.stdout.buffer.write(pixels[:, :, :3].tobytes())`))).toBe(true);
});

test("what is written is read back", () => {
  const pixels = Uint8Array.from({ length: 3 * 5 * 4 }, (_, i) => i * 7);
  expect(readPng(png(pixels, 5, 4))).toEqual({ pixels, width: 5, height: 4 });
});
