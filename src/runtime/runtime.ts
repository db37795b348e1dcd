import type { Device } from "../protocol/api";

/** A tensor on its way into or out of a session. Shapes are [N, C, H, W] unless a model says otherwise. */
export interface Tensor<D extends Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array = Float32Array> {
  dims: readonly number[];
  data: D;
}
export type AnyTensor = Tensor<Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array>;

/** A model opened by onnxruntime. Outputs come back as float32 (half floats widened). */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly device: Device;
  run(inputs: Record<string, AnyTensor>, outputs?: readonly string[]): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface SessionOptions {
  device?: Device;
  /** Threads inside one operator; all cores if absent. */
  threads?: number;
  /** "all" unless given. */
  optimization?: "disabled" | "basic" | "extended" | "all";
  /** Integers that stand for constant floats are unpacked once, when the model is loaded, and nothing becomes an integer kernel. */
  unpacksIntegers?: boolean;
  /** A training step: memory counts more than the last of the speed. */
  isTraining?: boolean;
}

/** Opens models with onnxruntime. */
export interface Runtime {
  /** Devices other than the CPU that are bundled for this platform, the most promising first. */
  readonly devices: readonly Device[];
  /** @param model a path, or the bytes of a model @throws KernelscopeError "runtime" with onnxruntime's reason */
  open(model: string | Uint8Array, options?: SessionOptions): Promise<Session>;
}
