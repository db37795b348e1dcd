/** Gives the memory of arrays back now: garbage collection lets many gradients pile up. They are empty afterwards. */
export function release(arrays: readonly Float32Array[]): void {
  const { port1, port2 } = new MessageChannel();
  // buffers that are on their way to a closed port belong to nobody
  port1.postMessage(undefined, [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]);
  port1.close();
  port2.close();
}
