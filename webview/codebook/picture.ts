import { onLookChange, weightPalette } from "../charts/colours";
import { el } from "../dom";

/** A block as it is drawn: one rectangle of weights, or several kernels beside each other. */
export interface Form { parts: number; height: number; width: number }

/** Weights across a picture, with a gap between kernels. */
const across = ({ parts, width }: Form): number => parts * (width + 1) - 1;

/** A block's size on the page: kernels as squares of about `room` pixels, strips as wide as that and never too low to be seen. */
export function pictureSize(form: Form, room: number): { width: number; height: number } {
  const width = across(form), cell = Math.max(1, Math.floor(Math.min(room / Math.max(form.height, width), room / 2.5)));
  return { width: cell * width, height: Math.max(cell * form.height, Math.min(8, room)) };
}

/** One block as a heat map on the scale from −m to m: a pixel a weight, made larger by the style. */
export function picture(values: ArrayLike<number>, form: Form, m: number, room: number): HTMLCanvasElement {
  const canvas = el("canvas", { class: "block-picture", "aria-hidden": "true" }), size = pictureSize(form, room), { height, width } = form;
  canvas.width = across(form);
  canvas.height = height;
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const draw = (): void => {
    const context = canvas.getContext("2d"), palette = weightPalette(), image = new ImageData(canvas.width, height), pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < values.length; i++) {
      const part = Math.floor(i / (height * width)), row = Math.floor(i / width) % height;
      pixels[row * canvas.width + part * (width + 1) + i % width] = palette[Math.max(0, Math.min(510, Math.round(255 + 255 * values[i] / m)))];
    }
    context?.putImageData(image, 0, 0);
  };
  draw();
  onLookChange(canvas, draw);
  return canvas;
}
