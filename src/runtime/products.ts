import { buildModel } from "../onnx/build";
import { DataType } from "../onnx/tensor";
import type { Runtime, Session } from "./runtime";

/** Large matrix products on onnxruntime, whose blocked kernels use every core. */
export class Products {
  private constructor(private readonly plain: Session, private readonly moments: Session) {}

  static async open(runtime: Runtime, threads?: number): Promise<Products> {
    const matrix = (name: string) => ({ name, type: DataType.FLOAT, shape: ["r" + name, "c" + name] });
    const open = (transA: number) => runtime.open(buildModel({
      nodes: [{ op: "Gemm", inputs: ["a", "b"], outputs: ["y"], attributes: { transA } }], inputs: [matrix("a"), matrix("b")], outputs: [matrix("y")],
    }), { threads, device: "cpu" });
    return new Products(await open(0), await open(1));
  }

  /** a [rows, n] · b [n, columns] */
  async multiply(a: Float32Array, b: Float32Array, n: number): Promise<Float32Array> {
    const { y } = await this.plain.run({ a: { dims: [a.length / n, n], data: a }, b: { dims: [n, b.length / n], data: b } });
    return y.data;
  }

  /** aᵀ·b for a [count, n] and b [count, k]: [n, k] */
  async transposed(a: Float32Array, b: Float32Array, count: number): Promise<Float32Array> {
    const { y } = await this.moments.run({ a: { dims: [count, a.length / count], data: a }, b: { dims: [count, b.length / count], data: b } });
    return y.data;
  }

  async close(): Promise<void> {
    await this.plain.release();
    await this.moments.release();
  }
}
