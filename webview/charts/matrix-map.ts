import { el } from "../dom";
import { Canvas } from "./canvas";
import { packed, theme, tinted, weightPalette } from "./colours";

const SHADES = 256;
/** A matrix of few rows or columns is drawn thicker than it is, up to so many pixels. */
const THICK = 96;

/** A matrix [rows, columns] as a heat map: signed weights on the diverging scale from −m to m, sizes as shades from nothing to m. `tell` says what stands in a cell. */
export function matrixPicture(values: Float32Array, rows: number, columns: number, m: number, signed: boolean, label: string, tell: (row: number, column: number) => string): HTMLElement {
  const box = el("div", { class: "matrix-map", role: "img", "aria-label": label });
  let place = { width: 1, height: 1 };
  new Canvas(box, (context, width, height) => {
    const cell = Math.min(width / columns, height / rows), flat = new OffscreenCanvas(columns, rows), image = new ImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
    if (signed) {
      const palette = weightPalette();
      values.forEach((v, i) => { pixels[i] = palette[Math.max(0, Math.min(510, Math.round(255 + 255 * v / m)))]; });
    } else {
      const shades = Uint32Array.from({ length: SHADES }, (_, i) => packed(tinted(theme().amount, Math.sqrt(i / (SHADES - 1)))));
      values.forEach((v, i) => { pixels[i] = shades[Math.max(0, Math.min(SHADES - 1, Math.round(v / m * (SHADES - 1))))]; });
    }
    flat.getContext("2d")?.putImageData(image, 0, 0);
    place = { width: Math.round(Math.max(cell * columns, Math.min(width, THICK))), height: Math.round(Math.max(cell * rows, Math.min(height, THICK))) };
    context.imageSmoothingEnabled = cell * (window.devicePixelRatio || 1) < 1;
    context.drawImage(flat, 0, 0, place.width, place.height);
    context.strokeStyle = theme().highContrast ? theme().secondary : theme().line;
    context.strokeRect(0.5, 0.5, place.width - 1, place.height - 1);
  });
  box.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const column = Math.floor(offsetX / place.width * columns), row = Math.floor(offsetY / place.height * rows);
    box.title = column >= 0 && column < columns && row >= 0 && row < rows ? tell(row, column) : "";
  });
  return box;
}
