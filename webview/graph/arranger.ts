import { layoutFrame, type FrameInput, type FramePicture } from "./nested";

declare const LAYOUT_WORKER: string;

/** A layout that has taken longer is given up for another question; a shorter one is waited for, which takes less than a new thread. */
const PATIENCE_MS = 60;

interface Question { id: number; input: FrameInput; done: (picture: FramePicture) => void; asked: number }

/** Lays graphs out on a thread of its own; of several questions only the last is answered, and what was begun for others ends. */
export class Arranger {
  private worker: Worker | undefined;
  private last = 0;
  private waiting: Question | undefined;
  private canStart = true;

  arrange(input: FrameInput, done: (picture: FramePicture) => void): void {
    const asked = performance.now();
    if (this.waiting && asked - this.waiting.asked > PATIENCE_MS) this.close();
    this.waiting = { id: ++this.last, input, done, asked };
    this.worker ??= this.start();
    if (this.worker) this.worker.postMessage({ id: this.last, input });
    else this.answer(layoutFrame(input));
  }

  close(): void {
    this.worker?.terminate();
    this.worker = undefined;
  }

  /** A page that may start no worker still gets its picture. */
  private start(): Worker | undefined {
    if (!this.canStart) return undefined;
    try {
      const worker = new Worker(URL.createObjectURL(new Blob([LAYOUT_WORKER], { type: "text/javascript" })));
      worker.onmessage = (event: MessageEvent<{ id: number; picture: FramePicture }>) => { if (event.data.id === this.waiting?.id) this.answer(event.data.picture); };
      worker.onerror = () => {
        this.canStart = false;
        this.close();
        if (this.waiting) this.answer(layoutFrame(this.waiting.input));
      };
      return worker;
    } catch {
      this.canStart = false;
      return undefined;
    }
  }

  private answer(picture: FramePicture): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.done(picture);
  }
}
