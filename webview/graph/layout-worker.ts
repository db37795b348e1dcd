import { layoutFrame, type FrameInput } from "./nested";

/** The layout on a thread of its own: one graph in, one picture out. */
self.onmessage = ({ data: { id, input } }: MessageEvent<{ id: number; input: FrameInput }>) => self.postMessage({ id, picture: layoutFrame(input) });
