import type { Thumbnail } from "../../src/protocol/accuracy";
import { el } from "../dom";

const AT_ONCE = 48;

/** Pictures of samples, fetched in bundles for those that come into sight. */
export class Pictures {
  private readonly known = new Map<number, Thumbnail>();
  private readonly asked = new Set<number>();
  private waiting: number[] = [];
  private readonly targets = new Map<number, Set<HTMLCanvasElement>>();
  private readonly watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting && target instanceof HTMLElement) { this.want(Number(target.dataset.position)); this.watcher.unobserve(target); }
  }, { rootMargin: "200px" });

  constructor(private readonly fetch: (positions: number[], side: number) => Promise<Thumbnail[]>, private readonly side: number) {}

  /** A canvas that becomes the sample's picture. */
  of(position: number, name: string): HTMLCanvasElement {
    const canvas = el("canvas", { class: "acc-picture", role: "img", "aria-label": name, "data-position": String(position) }), known = this.known.get(position);
    canvas.width = canvas.height = 1;
    const targets = this.targets.get(position) ?? new Set();
    this.targets.set(position, targets.add(canvas));
    if (known) paint(canvas, known);
    else this.watcher.observe(canvas);
    return canvas;
  }

  /** Other samples are looked at. */
  clear(): void {
    this.watcher.disconnect();
    this.known.clear();
    this.asked.clear();
    this.targets.clear();
    this.waiting = [];
  }

  private want(position: number): void {
    if (this.asked.has(position)) return;
    this.asked.add(position);
    if (this.waiting.push(position) === 1) queueMicrotask(() => void this.ask());
  }

  private async ask(): Promise<void> {
    const all = this.waiting;
    this.waiting = [];
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const some = all.slice(at, at + AT_ONCE), pictures = await this.fetch(some, this.side).catch(() => undefined);
      if (!pictures) for (const position of some) this.asked.delete(position); // the next card may have more luck
      // a sample without a picture keeps its empty place
      for (const picture of pictures ?? []) {
        this.known.set(picture.position, picture);
        for (const canvas of this.targets.get(picture.position) ?? []) paint(canvas, picture);
      }
    }
  }
}

function paint(canvas: HTMLCanvasElement, { width, height, rgba }: Thumbnail): void {
  canvas.width = width;
  canvas.height = height;
  canvas.dataset.ready = "";
  canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
}
