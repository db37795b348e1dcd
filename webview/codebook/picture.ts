import { onLookChange, weightPalette } from "../charts/colours";
import { el } from "../dom";

/** A block's size on the page: kernels as squares of about `room` pixels, strips as wide as that and never too low to be seen. */
export function pictureSize(height: number, width: number, room: number): { width: number; height: number } {
  const cell = Math.max(1, Math.floor(Math.min(room / Math.max(height, width), room / 2.5)));
  return { width: cell * width, height: Math.max(cell * height, Math.min(8, room)) };
}

/** One block as a heat map on the scale from −m to m: a pixel a weight, made larger by the style. */
export function picture(values: ArrayLike<number>, height: number, width: number, m: number, room: number): HTMLCanvasElement {
  const canvas = el("canvas", { class: "block-picture", "aria-hidden": "true" }), size = pictureSize(height, width, room);
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const draw = (): void => {
    const context = canvas.getContext("2d"), palette = weightPalette(), image = new ImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = palette[Math.max(0, Math.min(510, Math.round(255 + 255 * values[i] / m)))];
    context?.putImageData(image, 0, 0);
  };
  draw();
  onLookChange(canvas, draw);
  return canvas;
}
