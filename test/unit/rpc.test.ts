import { MessageChannel } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { CancelledError, KernelscopeError } from "../../src/protocol/errors";
import { connect, type Channel } from "../../src/protocol/rpc";

interface Calculator {
  add(a: number, b: number): Promise<number>;
  scale(values: Float32Array, by: number): Promise<Float32Array>;
  nothing(): Promise<undefined>;
  refuse(): Promise<never>;
  stumble(): Promise<never>;
  count(to: number, progress: (n: number) => void, signal: AbortSignal): Promise<number>;
  forever(signal: AbortSignal): Promise<void>;
}

const calculator: Calculator = {
  add: async (a, b) => a + b,
  scale: async (values, by) => values.map((value) => value * by),
  nothing: async () => undefined,
  refuse: async () => { throw new KernelscopeError("truncated", "It ends at byte 7.", { at: 7 }); },
  stumble: async () => { throw new RangeError("an index is out of range"); },
  count: async (to, progress, signal) => {
    for (let n = 1; n <= to; n++) {
      if (signal.aborted) throw new CancelledError(`Cancelled at ${n}.`);
      progress(n);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return to;
  },
  forever: () => new Promise(() => undefined),
};

/** A real structured-clone border. */
function pair(): { ours: Channel; theirs: Channel; stop(): void } {
  const { port1, port2 } = new MessageChannel();
  const channel = (port: typeof port1): Channel => ({
    post: (message) => port.postMessage(message),
    listen: (receive) => { port.on("message", receive); return () => { port.off("message", receive); }; },
  });
  return { ours: channel(port1), theirs: channel(port2), stop: () => port1.close() };
}

describe("calls over a channel", () => {
  const { ours, theirs, stop } = pair();
  connect<object, Calculator>(theirs, { ...calculator });
  const peer = connect<Calculator, object>(ours, {});

  it("carry plain data and typed arrays", async () => {
    expect(await peer.remote.add(2, 3)).toBe(5);
    expect(await peer.remote.scale(new Float32Array([1, 2]), 3)).toEqual(new Float32Array([3, 6]));
    expect(await peer.remote.nothing()).toBeUndefined();
  });

  it("reject with code and details where the handler threw", async () => {
    const error: unknown = await peer.remote.refuse().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KernelscopeError);
    expect(error).toMatchObject({ code: "truncated", message: "It ends at byte 7.", details: { at: 7 } });
    await expect(peer.remote.stumble()).rejects.toThrow("an index is out of range");
  });

  it("report progress and stop when they are told to", async () => {
    const seen: number[] = [];
    const abort = new AbortController();
    const call = peer.remote.count(1000, (n) => { seen.push(n); if (n === 3) abort.abort(); }, abort.signal);
    await expect(call).rejects.toBeInstanceOf(CancelledError);
    expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
    expect(seen.length).toBeLessThan(50);
    expect(await peer.remote.count(3, () => undefined, new AbortController().signal)).toBe(3);
  });

  it("do not start where the signal is already set", async () => {
    await expect(peer.remote.count(3, () => undefined, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it("reach only own methods of the object that was handed over", async () => {
    const wild = peer.remote as unknown as Record<string, () => Promise<unknown>>;
    await expect(wild.toString!()).rejects.toThrow("no method");
    await expect(wild.missing!()).rejects.toThrow("no method missing");
  });

  it("reject, waiting and later ones alike, once the connection is closed", async () => {
    const waiting = peer.remote.forever(new AbortController().signal);
    const reason = new KernelscopeError("worker-died", "The process stopped.");
    peer.close(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(peer.remote.add(1, 1)).rejects.toBe(reason);
    stop();
  });

  it("reject with the channel's own error where it cannot post", async () => {
    const gone = connect<Calculator, object>({ post: () => { throw new KernelscopeError("worker-died", "It is gone."); }, listen: () => () => undefined }, {});
    await expect(gone.remote.add(1, 1)).rejects.toMatchObject({ code: "worker-died" });
  });
});
