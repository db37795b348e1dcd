import { layout, type LayoutInput } from "./layout";

/** The layout on a thread of its own: one graph in, one picture out. */
self.onmessage = (event: MessageEvent<LayoutInput>) => self.postMessage(layout(event.data));
