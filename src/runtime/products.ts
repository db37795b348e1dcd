import { buildModel } from "../onnx/build";
import { DataType } from "../onnx/tensor";
import type { Runtime, Session } from "./runtime";

/** From this width on a square is computed in so many parts. */
const WIDE = 1024, PARTS = 3;

/** Large matrix products on onnxruntime, whose blocked kernels use every core. */
export class Products {
  private readonly sessions = new Map<0 | 1, Promise<Session>>();

  constructor(private readonly runtime: Runtime, private readonly threads?: number) {}

  /** y = a·b, or aᵀ·b: opened when it is first needed. */
  private session(transA: 0 | 1): Promise<Session> {
    let session = this.sessions.get(transA);
    if (!session) {
      const matrix = (name: string) => ({ name, type: DataType.FLOAT, shape: ["r" + name, "c" + name] });
      this.sessions.set(transA, session = this.runtime.open(buildModel({
        nodes: [{ op: "Gemm", inputs: ["a", "b"], outputs: ["y"], attributes: { transA } }], inputs: [matrix("a"), matrix("b")], outputs: [matrix("y")],
      }), { threads: this.threads, device: "cpu" }));
    }
    return session;
  }

  /** a [rows, n] · b [n, columns] */
  async multiply(a: Float32Array, b: Float32Array, n: number): Promise<Float32Array> {
    const { y } = await (await this.session(0)).run({ a: { dims: [a.length / n, n], data: a }, b: { dims: [n, b.length / n], data: b } });
    return y.data;
  }

  /** aᵀ·b for a [count, n] and b [count, k]: [n, k] */
  async transposed(a: Float32Array, b: Float32Array, count: number): Promise<Float32Array> {
    const { y } = await (await this.session(1)).run({ a: { dims: [count, a.length / count], data: a }, b: { dims: [count, b.length / count], data: b } });
    return y.data;
  }

  /** xᵀ·x for an x [count, n]: [n, n]. Of a wide one the lower triangle's blocks are not computed but mirrored. */
  async squared(x: Float32Array, count: number): Promise<Float32Array> {
    const n = x.length / count;
    if (n < WIDE) return this.transposed(x, x, count);
    const bounds = Array.from({ length: PARTS + 1 }, (_, i) => Math.floor(i * n / PARTS)), h = new Float32Array(n * n);
    const parts = bounds.slice(1).map((end, i) => {
      const width = end - bounds[i], part = new Float32Array(count * width);
      for (let r = 0; r < count; r++) part.set(x.subarray(r * n + bounds[i], r * n + end), r * width);
      return part;
    });
    for (let i = 0; i < PARTS; i++) for (let j = i; j < PARTS; j++) {
      const block = await this.transposed(parts[i], parts[j], count), width = bounds[j + 1] - bounds[j];
      for (let a = bounds[i]; a < bounds[i + 1]; a++) for (let b = bounds[j]; b < bounds[j + 1]; b++) h[b * n + a] = h[a * n + b] = block[(a - bounds[i]) * width + b - bounds[j]];
    }
    return h;
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
  }
}
