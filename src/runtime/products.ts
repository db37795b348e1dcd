import { buildModel } from "../onnx/build";
import { DataType } from "../onnx/tensor";
import type { Runtime, Session } from "./runtime";

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

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
  }
}
