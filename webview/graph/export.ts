import type { PictureSize } from "../../src/protocol/page";
import { theme } from "../charts/colours";
import { t } from "../l10n";
import { SvgDrawing, type Pen } from "./drawing";

/** A piece of a graph, in its own coordinates. */
export interface Piece { left: number; top: number; width: number; height: number }

/** Browsers make no canvases with longer sides, nor with more pixels. */
const LONGEST_SIDE = 16_384, MOST_PIXELS = 120_000_000;
/** Pictures are for screens with twice the pixels, too. */
const SHARPNESS = 2;
/** Space around the whole graph, with the bracket of an unfolded row. */
export const AROUND = 24;

/** An SVG of a piece of what `draw` draws. */
export function svgOf(piece: Piece, draw: (pen: Pen) => void): Uint8Array {
  const drawing = new SvgDrawing(contextOf(document.createElement("canvas")));
  draw(drawing);
  return new TextEncoder().encode(drawing.svg(piece, theme().background));
}

/** Below this scale no word can be read. */
export const READABLE_SCALE = 0.5;

/** How large a PNG of a piece becomes. */
export function sizeOf({ width, height }: Piece, scale: number): PictureSize {
  const factor = scaleOf(width, height, scale);
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)), scale: factor };
}

/** A PNG of it: twice as large as on the screen at full size, smaller where that would be no picture. `scale` is that of what is drawn. */
export async function pngOf(piece: Piece, scale: number, draw: (pen: Pen) => void): Promise<Uint8Array> {
  const { left, top } = piece, { width, height, scale: factor } = sizeOf(piece, scale), canvas = document.createElement("canvas"), context = contextOf(canvas);
  canvas.width = width;
  canvas.height = height;
  context.fillStyle = theme().background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(factor, factor);
  context.translate(-left, -top);
  draw(context);
  const blob = await new Promise<Blob | null>((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!blob) throw new Error(t("This graph is too large for a picture. Save it as SVG, or fold some of its groups."));
  return new Uint8Array(await blob.arrayBuffer());
}

/** Pixels for a unit of the graph, as many as a canvas can have. */
export const scaleOf = (width: number, height: number, scale: number): number => Math.min(SHARPNESS * scale, LONGEST_SIDE / Math.max(width, height), Math.sqrt(MOST_PIXELS / (width * height)));

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error(t("This graph is too large for a picture. Save it as SVG, or fold some of its groups."));
  return context;
}
