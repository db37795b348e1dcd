import { layoutFrame, type FrameInput, type FramePicture } from "./nested";

declare const LAYOUT_WORKER: string;

/** Lays graphs out on a thread of its own; of several questions only the last is answered. */
export class Arranger {
  private worker: Worker | undefined;
  private last = 0;
  private waiting: { input: FrameInput; done: (picture: FramePicture) => void } | undefined;

  constructor() {
    try {
      const url = URL.createObjectURL(new Blob([LAYOUT_WORKER], { type: "text/javascript" }));
      this.worker = new Worker(url);
      this.worker.onmessage = (event: MessageEvent<{ id: number; picture: FramePicture }>) => { if (event.data.id === this.last) this.waiting?.done(event.data.picture); };
      this.worker.onerror = () => this.giveUp();
    } catch {
      // a page that may start no worker still gets its picture
    }
  }

  arrange(input: FrameInput, done: (picture: FramePicture) => void): void {
    this.waiting = { input, done };
    this.last++;
    if (this.worker) this.worker.postMessage({ id: this.last, input });
    else done(layoutFrame(input));
  }

  close(): void { this.worker?.terminate(); }

  private giveUp(): void {
    this.worker = undefined;
    if (this.waiting) this.waiting.done(layoutFrame(this.waiting.input));
  }
}
