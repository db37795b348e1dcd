import { oncePerFrame } from "../dom";
import { onLookChange } from "./colours";

/** A canvas as large as its box, sharp on every display, drawn again when size, theme or resolution change. */
export class Canvas {
  readonly element = document.createElement("canvas");
  width = 0;
  height = 0;
  readonly redraw: () => void;

  constructor(host: HTMLElement, private readonly draw: (context: CanvasRenderingContext2D, width: number, height: number) => void) {
    host.append(this.element);
    this.redraw = oncePerFrame(() => this.paint());
    new ResizeObserver(() => {
      this.width = host.clientWidth;
      this.height = host.clientHeight;
      this.redraw();
    }).observe(host);
    onLookChange(this.element, this.redraw);
  }

  private paint(): void {
    const { element, width, height } = this, ratio = window.devicePixelRatio || 1;
    if (!width || !height) return;
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (element.width !== w || element.height !== h) {
      element.width = w;
      element.height = h;
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
    }
    const context = element.getContext("2d");
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.draw(context, width, height);
  }
}
