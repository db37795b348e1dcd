import { el } from "../dom";
import { onLookChange, theme, weightPalette } from "./colours";

/** Small matrices as heat maps in one picture, on one diverging scale from −m to m: [count, height, width]. */
export function heatmaps(values: Float32Array, height: number, width: number, m: number, options: { cell: number; columns: number; gap: number; label: string }): HTMLCanvasElement {
  const canvas = el("canvas", { class: "heatmaps", role: "img", "aria-label": options.label });
  const draw = (): void => {
    const size = height * width, count = values.length / size, { cell, columns, gap } = options, palette = weightPalette();
    const across = Math.min(columns, Math.max(1, count)), rows = Math.ceil(count / columns), stepX = width * cell + gap, stepY = height * cell + gap;
    canvas.width = across * stepX - gap;
    canvas.height = Math.max(1, rows * stepY - gap);
    const context = canvas.getContext("2d");
    if (!context) return;
    const image = context.createImageData(canvas.width, canvas.height), pixels = new Uint32Array(image.data.buffer);
    for (let k = 0; k < count; k++) {
      const left = k % columns * stepX, top = Math.floor(k / columns) * stepY;
      for (let y = 0; y < height * cell; y++) for (let x = 0; x < width * cell; x++) {
        const v = values[k * size + Math.floor(y / cell) * width + Math.floor(x / cell)];
        pixels[(top + y) * canvas.width + left + x] = palette[Math.max(0, Math.min(510, Math.round(255 + 255 * v / m)))];
      }
    }
    context.putImageData(image, 0, 0);
    if (!theme().highContrast || !gap) return;
    context.strokeStyle = theme().secondary;
    for (let k = 0; k < count; k++) context.strokeRect(k % columns * stepX + 0.5, Math.floor(k / columns) * stepY + 0.5, width * cell - 1, height * cell - 1);
  };
  draw();
  onLookChange(canvas, draw);
  return canvas;
}
