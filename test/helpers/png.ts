import { crc32, deflateSync, inflateSync } from "node:zlib";

/** RGB, row by row. */
export interface Picture { pixels: Uint8Array; width: number; height: number }

/** RGB pixels as a PNG. */
export function png(pixels: Uint8Array, width: number, height: number): Buffer {
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]), frame = Buffer.alloc(body.length + 8);
    frame.writeUInt32BE(content.length);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), body.length + 4);
    return frame;
  };
  const header = Buffer.alloc(13), rows = Buffer.alloc(height * (3 * width + 1));
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * 3 * width, (y + 1) * 3 * width), y * (3 * width + 1) + 1);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/** A PNG of 8 bits a channel, in RGB or RGBA and not interlaced, as browsers make them; alpha is dropped. */
export function readPng(bytes: Uint8Array): Picture {
  const file = Buffer.from(bytes), parts: Buffer[] = [];
  let width = 0, height = 0, channels = 0;
  for (let at = 8; at < file.length; at += file.readUInt32BE(at) + 12) {
    const type = file.toString("latin1", at + 4, at + 8), content = file.subarray(at + 8, at + 8 + file.readUInt32BE(at));
    if (type === "IHDR") {
      [width, height, channels] = [content.readUInt32BE(0), content.readUInt32BE(4), content[9] === 2 ? 3 : content[9] === 6 ? 4 : 0];
      if (content[8] !== 8 || !channels || content[12]) throw new Error("This PNG is of a kind that is not read here.");
    } else if (type === "IDAT") parts.push(content);
  }
  const rows = inflateSync(Buffer.concat(parts)), line = width * channels, pixels = new Uint8Array(3 * width * height);
  let above = new Uint8Array(line);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (line + 1)], own = Uint8Array.from(rows.subarray(y * (line + 1) + 1, (y + 1) * (line + 1)));
    for (let i = 0; i < line; i++) {
      const a = i < channels ? 0 : own[i - channels], b = above[i], c = i < channels ? 0 : above[i - channels];
      own[i] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
    }
    for (let x = 0; x < width; x++) pixels.set(own.subarray(x * channels, x * channels + 3), 3 * (y * width + x));
    above = own;
  }
  return { pixels, width, height };
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c, [da, db, dc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return da <= db && da <= dc ? a : db <= dc ? b : c;
}
