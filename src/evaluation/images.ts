import { init as initJpeg, default as decodeJpeg } from "@jsquash/jpeg/decode.js";
import jpegWasm from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm";
import { decode as decodePng, initSync as initPng } from "@jsquash/png/codec/pkg/squoosh_png.js";
// @ts-expect-error The package declares the instance; the bundler gives the bytes.
import pngBytes from "@jsquash/png/codec/pkg/squoosh_png_bg.wasm";
import { KernelscopeError } from "../protocol/errors";
import type { Pixels } from "./resize";

// The decoders hand their result over as a page's ImageData, which Node lacks.
class PlainImageData {
  readonly colorSpace = "srgb";
  constructor(readonly data: Uint8ClampedArray, readonly width: number, readonly height: number) {}
}
if (!("ImageData" in globalThis)) Object.assign(globalThis, { ImageData: PlainImageData });

const pngWasm: Uint8Array = pngBytes;
let pngReady = false, jpegReady = false;

/**
 * Decodes a JPEG (bit-equal to libjpeg-turbo) or PNG, told apart by content, to RGBA.
 * The orientation that a camera notes is not applied, as in torchvision.
 * @throws KernelscopeError "bad-data" naming the file
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Pixels> {
  try {
    if (bytes[0] === 0x89 && bytes[1] === 0x50) {
      if (!pngReady) initPng(new WebAssembly.Module(pngWasm as Uint8Array<ArrayBuffer>));
      pngReady = true;
      return fromImageData(decodePng(bytes));
    }
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      if (!jpegReady) await initJpeg(await WebAssembly.compile(jpegWasm as Uint8Array<ArrayBuffer>));
      jpegReady = true;
      return fromImageData(await decodeJpeg(bytes.slice().buffer));
    }
  } catch (error) {
    throw new KernelscopeError("bad-data", `${name} cannot be decoded: ${error instanceof Error ? error.message : String(error)}. Replace or remove it.`);
  }
  throw new KernelscopeError("bad-data", `${name} is neither a JPEG nor a PNG. Replace or remove it.`);
}

const fromImageData = ({ width, height, data }: ImageData): Pixels =>
  ({ width, height, channels: 4, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });

/** RGBA to red, green, blue or to luma as Pillow's convert("RGB") and convert("L") do; alpha is dropped. */
export function convert(image: Pixels, channels: "rgb" | "bgr" | "gray"): Pixels {
  const { width, height, data } = image, count = width * height;
  if (channels === "gray") {
    const gray = new Uint8Array(count);
    for (let i = 0; i < count; i++) gray[i] = (data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 0x8000) >> 16;
    return { width, height, channels: 1, data: gray };
  }
  const [r, b] = channels === "rgb" ? [0, 2] : [2, 0], colour = new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    colour[3 * i] = data[4 * i + r];
    colour[3 * i + 1] = data[4 * i + 1];
    colour[3 * i + 2] = data[4 * i + b];
  }
  return { width, height, channels: 3, data: colour };
}
