import { oncePerFrame, reducedMotion } from "../dom";

export interface View { zoom: number; x: number; y: number; /** Of the stage that it was seen on. */ width?: number }

const MARGIN = 16, JUMP_MS = 120, MIN_ZOOM = 0.02, MAX_ZOOM = 3, READABLE = 0.72;
/** Height of what tells what a box is. */
const HEAD = 40;
/** The lower left corner is not the picture's. */
const CORNER = { width: 184, height: 64 };

interface Options {
  view: View | undefined;
  /** Height at the top that is not the picture's. */
  top: number;
  moved(): void;
  /** What can be clicked there, in words. */
  at(x: number, y: number): string | undefined;
  /** What lies over the picture. */
  over(): readonly HTMLElement[];
  /** The picture was fitted into the stage. */
  fitted(): void;
  click(x: number, y: number): void;
  doubleClick(x: number, y: number): void;
}

/** Which part of a picture is to be seen, and how large: panned by dragging and the wheel, zoomed with Ctrl. */
export class Camera {
  view: View | undefined;
  private picture = { width: 0, height: 0, axis: 0 };
  private stage = { width: 0, height: 0 };
  private readonly told: () => void;
  /** Whether somebody has moved the picture; until then it is fitted into every new size. */
  touched: boolean;

  constructor(private readonly element: HTMLElement, private readonly options: Options) {
    this.view = options.view;
    this.touched = options.view !== undefined;
    this.told = oncePerFrame(() => options.moved());
    this.listen();
  }

  /** The view for a stage of this size; the middle stays the middle when the editor becomes wider or narrower. */
  look(width: number, height: number): View {
    const resized = this.stage.width !== width || this.stage.height !== height;
    if (!this.view || (resized && !this.touched)) {
      this.stage = { width, height };
      this.view = this.fitted(width, height);
      this.options.fitted();
    }
    const before = this.view.width ?? width;
    if (before !== width) this.view = { ...this.view, x: this.view.x + (width - before) / 2 };
    this.view.width = width;
    this.stage = { width, height };
    return this.view;
  }

  /** The picture's size, and the line that should stand in the middle. */
  size(width: number, height: number, axis: number): void { this.picture = { width, height, axis }; }

  /** Shows the picture as at first, as long as nobody has moved it. */
  refit(): boolean {
    if (this.touched || !this.stage.width) return false;
    this.view = this.fitted(this.stage.width, this.stage.height);
    return true;
  }

  /** Keeps a point of the picture where it is while the picture changes under it. */
  hold(fromX: number, fromY: number, toX: number, toY: number): void {
    if (this.view) this.view = { ...this.view, x: this.view.x + (fromX - toX) * this.view.zoom, y: this.view.y + (fromY - toY) * this.view.zoom };
  }

  point(px: number, py: number): { x: number; y: number } | undefined { return this.view && { x: (px - this.view.x) / this.view.zoom, y: (py - this.view.y) / this.view.zoom }; }

  zoom(factor: number, atX = this.stage.width / 2, atY = this.stage.height / 2): void {
    if (!this.view) return;
    const zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, this.view.zoom * factor)), by = zoom / this.view.zoom;
    this.move({ zoom, x: atX - (atX - this.view.x) * by, y: atY - (atY - this.view.y) * by });
  }

  whole(): void {
    const { width, height } = this.stage, zoom = Math.min(1.5, (width - 2 * MARGIN) / this.picture.width, (height - 2 * MARGIN) / this.picture.height);
    this.move({ zoom, x: (width - this.picture.width * zoom) / 2, y: (height - this.picture.height * zoom) / 2 });
  }

  centre(x: number, y: number): void {
    const { view } = this;
    if (!view) return;
    this.touched = true;
    this.jump({ zoom: view.zoom, x: this.stage.width / 2 - x * view.zoom, y: this.stage.height / 2 - y * view.zoom });
  }

  /** Whether something lies over a part of the stage. */
  private isCovered(x0: number, y0: number, x1: number, y1: number): boolean {
    const { left, top } = this.element.getBoundingClientRect();
    return this.options.over().some((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && x0 < box.right - left && x1 > box.left - left && y0 < box.bottom - top && y1 > box.top - top;
    });
  }

  /** Moves a box into sight, if it is out of it or its head is covered. */
  show(left: number, top: number, width: number, height: number): void {
    const { view, stage } = this;
    if (!view || !stage.width) return;
    const x0 = left * view.zoom + view.x, y0 = top * view.zoom + view.y, x1 = x0 + width * view.zoom, y1 = y0 + height * view.zoom;
    const insideX = x0 >= 0 && x1 <= stage.width, insideY = y0 >= 0 && y1 <= stage.height && !this.isCovered(x0, y0, x1, Math.min(y1, y0 + HEAD * view.zoom)), middle = top + Math.min(height, stage.height / view.zoom - 80) / 2;
    if (!insideX || !insideY) this.jump({ zoom: view.zoom, x: insideX ? view.x : stage.width / 2 - (left + width / 2) * view.zoom, y: insideY ? view.y : stage.height / 2 - middle * view.zoom });
  }

  private fitted(width: number, height: number): View {
    const { picture } = this, fit = (room: number) => Math.min(1, Math.max(READABLE, Math.min((width - 2 * MARGIN) / picture.width, (room - 2 * MARGIN) / picture.height)));
    const place = (zoom: number) => Math.max(MARGIN, Math.min(width / 2 - picture.axis * zoom, width - MARGIN - picture.width * zoom));
    // what does not stand clear of the corner with the legend stays above it
    const beside = fit(height), zoom = place(beside) >= CORNER.width ? beside : fit(height - CORNER.height);
    return { zoom, x: place(zoom), y: Math.max(MARGIN, this.options.top, Math.min(MARGIN * 2, (height - picture.height * zoom) / 2)) };
  }

  /** Somebody moves the picture. */
  private move(view: View): void {
    this.touched = true;
    this.set(view);
  }

  private set(view: View): void {
    this.view = { ...view, width: this.stage.width };
    this.told();
  }

  private jump(to: View): void {
    const from = this.view, start = performance.now();
    if (!from || reducedMotion()) { this.set(to); return; }
    const step = (): void => {
      const part = Math.min(1, (performance.now() - start) / JUMP_MS), eased = 1 - (1 - part) ** 3;
      this.set({ zoom: to.zoom, x: from.x + (to.x - from.x) * eased, y: from.y + (to.y - from.y) * eased });
      if (part < 1) requestAnimationFrame(step);
    };
    step();
  }

  private listen(): void {
    const { element, options } = this;
    let from: { x: number; y: number; view: View; moved: boolean } | undefined;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.view) return;
      from = { x: event.offsetX, y: event.offsetY, view: this.view, moved: false };
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      if (!from) {
        const words = options.at(event.offsetX, event.offsetY);
        element.style.cursor = words === undefined ? "" : "pointer";
        if (element.title !== (words ?? "")) element.title = words ?? "";
        return;
      }
      const dx = event.offsetX - from.x, dy = event.offsetY - from.y;
      from.moved ||= Math.hypot(dx, dy) > 3;
      if (from.moved) this.move({ zoom: from.view.zoom, x: from.view.x + dx, y: from.view.y + dy });
    });
    element.addEventListener("pointerup", (event) => {
      if (from && !from.moved) options.click(event.offsetX, event.offsetY);
      from = undefined;
    });
    element.addEventListener("dblclick", (event) => options.doubleClick(event.offsetX, event.offsetY));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
      else if (this.view) this.move({ zoom: this.view.zoom, x: this.view.x - (event.shiftKey ? event.deltaY : event.deltaX), y: this.view.y - (event.shiftKey ? 0 : event.deltaY) });
    }, { passive: false });
  }
}
