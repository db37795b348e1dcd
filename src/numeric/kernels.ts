import { kernelsWasm } from "./wasm/kernels.wasm";

interface Exports {
  nearest(points: number, n: number, d: number, book: number, half: number, words: number, index: number, score: number): void;
  gather(points: number, n: number, d: number, index: number, weights: number, sums: number, mass: number): void;
  cholesky(a: number, n: number): number;
  solve(u: number, n: number, b: number, rows: number, scratch: number): void;
  widen(x: number, channels: number, height: number, width: number, top: number, left: number, paddedHeight: number, paddedWidth: number, zero: number, out: number): void;
  products16(x: number, positions: number, count: number, offsets: number, pairs: number, w: number, blocks: number, out: number): void;
  depthwise(x: number, paddedWidth: number, w: number, kh: number, kw: number, sh: number, sw: number, dh: number, dw: number, oh: number, ow: number, out: number): void;
  scaleInteger(x: number, m0: number, shift: number): number;
  requantize(sums: number, count: number, channels: number, stride: number, bias: number, m0: number, shift: number, zero: number, out: number, size: number): void;
  spans(x: number, rows: number, length: number, out: number): void;
  count(x: number, n: number, factor: number, half: number, table: number): void;
  feedback(w: number, rows: number, n: number, d: number, r: number, book: number, words: number, real: number, index: number, acc: number, work: number): void;
}

const PAGE = 65536;
/** Memory is kept between calls up to this size and given back beyond it. */
const KEEP_BYTES = 64 << 20;

let compiled: WebAssembly.Module | undefined;

/**
 * The hot loops in WebAssembly: one instance with one bump-allocated memory, for one thread.
 * Allocate with {@link floats} and friends, call, read the results out, then {@link release} everything at once.
 */
class Kernels {
  private memory!: WebAssembly.Memory;
  private exports!: Exports;
  private top = 0;

  constructor() { this.start(); }

  private start(): void {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(kernelsWasm), (c) => c.charCodeAt(0)));
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const instance = new WebAssembly.Instance(compiled, { env: { memory: this.memory, abort: () => { throw new Error("WebAssembly abort"); } } });
    this.exports = instance.exports as unknown as Exports; // the module's own signature, which its tests check
    this.top = 1024;
  }

  get call(): Exports { return this.exports; }

  reserve(bytes: number): number {
    const at = this.top;
    this.top += (bytes + 15) & ~15;
    const missing = this.top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return at;
  }
  put(data: Float32Array | Int32Array | Int16Array | Uint8Array): number {
    const at = this.reserve(data.byteLength);
    if (data instanceof Float32Array) this.floats(at, data.length).set(data);
    else if (data instanceof Int32Array) this.ints(at, data.length).set(data);
    else if (data instanceof Int16Array) this.shorts(at, data.length).set(data);
    else this.bytes(at, data.length).set(data);
    return at;
  }
  floats(at: number, length: number): Float32Array { return new Float32Array(this.memory.buffer, at, length); }
  doubles(at: number, length: number): Float64Array { return new Float64Array(this.memory.buffer, at, length); }
  shorts(at: number, length: number): Int16Array { return new Int16Array(this.memory.buffer, at, length); }
  bytes(at: number, length: number): Uint8Array { return new Uint8Array(this.memory.buffer, at, length); }
  ints(at: number, length: number): Int32Array { return new Int32Array(this.memory.buffer, at, length); }

  release(): void {
    if (this.memory.buffer.byteLength > KEEP_BYTES) this.start();
    else this.top = 1024;
  }
}

let shared: Kernels | undefined;

/** Runs `work` on this thread's instance and releases its memory afterwards. Not re-entrant. */
export function withKernels<T>(work: (k: Kernels) => T): T {
  shared ??= new Kernels();
  try {
    return work(shared);
  } finally {
    shared.release();
  }
}

export type { Kernels };
