import { describe, expect, test } from "vitest";
import { convert, decodeImage } from "../../../src/evaluation/images";
import { resize } from "../../../src/evaluation/resize";
import { python } from "../../helpers/python";

const run = python("PIL.Image", "numpy");

/** Makes a picture with Pillow, saves it, and gives back the file and what Pillow itself decodes. */
function picture(save: string, mode = "RGB", width = 53, height = 37): { file: Uint8Array; pixels: Uint8Array } {
  const out = run!(`
import io, sys, numpy as np
from PIL import Image
y, x = np.mgrid[0:${height}, 0:${width}]
a = np.stack([(x * 5 + y * 3) % 256, (x * y) % 256, (x * 7 ^ y * 11) % 256], -1).astype(np.uint8)
image = Image.fromarray(a).convert("${mode}")
f = io.BytesIO(); image.save(f, ${save})
decoded = np.asarray(Image.open(io.BytesIO(f.getvalue())).convert("RGB"))
data = f.getvalue()
sys.stdout.buffer.write(len(data).to_bytes(4, "little") + data + decoded.tobytes())`);
  const length = out.readUInt32LE(0);
  return { file: new Uint8Array(out.subarray(4, 4 + length)), pixels: new Uint8Array(out.subarray(4 + length)) };
}

describe.skipIf(!run)("images, against Pillow", () => {
  test.each([
    ["PNG", "'PNG'", "RGB"], ["grey PNG", "'PNG'", "L"], ["palette PNG", "'PNG'", "P"], ["PNG with alpha", "'PNG'", "RGBA"],
    ["JPEG 4:2:0", "'JPEG', quality=80", "RGB"], ["JPEG 4:4:4", "'JPEG', quality=95, subsampling=0", "RGB"], ["grey JPEG", "'JPEG'", "L"], ["progressive JPEG", "'JPEG', progressive=True", "RGB"],
  ])("%s decodes to the same bytes", async (_name, save, mode) => {
    const { file, pixels } = picture(save, mode);
    const image = convert(await decodeImage(file, "picture"), "rgb");
    expect([image.width, image.height]).toEqual([53, 37]);
    expect(Buffer.compare(image.data, pixels)).toBe(0);
  });

  test.each([["bilinear", 32, 32], ["bilinear", 200, 150], ["bicubic", 24, 61], ["bicubic", 111, 20], ["bilinear", 53, 10]] as const)("%s to %i × %i gives the same bytes", async (filter, width, height) => {
    const { file } = picture("'PNG'");
    const image = convert(await decodeImage(file, "picture"), "rgb");
    const expected = run!(`
import io, sys, numpy as np
from PIL import Image
image = Image.open(io.BytesIO(sys.stdin.buffer.read())).resize((${width}, ${height}), Image.${filter.toUpperCase()})
sys.stdout.buffer.write(np.asarray(image).tobytes())`, Buffer.from(file));
    expect(Buffer.compare(resize(image, width, height, filter).data, new Uint8Array(expected))).toBe(0);
  });

  test("grey is Pillow's luma", async () => {
    const { file } = picture("'PNG'");
    const expected = run!(`
import io, sys, numpy as np
from PIL import Image
sys.stdout.buffer.write(np.asarray(Image.open(io.BytesIO(sys.stdin.buffer.read())).convert("L")).tobytes())`, Buffer.from(file));
    expect(Buffer.compare(convert(await decodeImage(file, "picture"), "gray").data, new Uint8Array(expected))).toBe(0);
  });
});

test("a file that is no image is named", async () => {
  await expect(decodeImage(new TextEncoder().encode("<html>"), "cat/1.png")).rejects.toThrow("cat/1.png is neither a JPEG nor a PNG");
  await expect(decodeImage(Uint8Array.of(0x89, 0x50, 1, 2, 3), "cat/2.png")).rejects.toThrow(/cat\/2\.png cannot be decoded/);
});
