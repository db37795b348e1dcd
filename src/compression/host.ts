import type { ByteSink, DataAccess } from "../onnx/bytes";
import type { Model } from "../onnx/model";
import type { ComputePool } from "../numeric/tasks";
import type { Runtime } from "../runtime/runtime";
import type { CheckpointStore } from "./checkpoint";

/** A model file opened for reading. */
export interface OpenedModel {
  model: Model;
  /** Bytes on disk, external data included. */
  bytes: number;
  close(): Promise<void>;
}

/** What a job needs of the machine it runs on. */
export interface Host {
  runtime: Runtime;
  pool: ComputePool;
  openModel(path: string): Promise<OpenedModel>;
  openData(path: string): Promise<DataAccess>;
  readText(path: string): Promise<string>;
  exists(path: string): Promise<boolean>;
  /** The file appears whole or not at all. */
  write(path: string, write: (sink: ByteSink) => Promise<unknown>): Promise<void>;
  digest(path: string): Promise<{ bytes: number; gzipBytes: number; sha256: string }>;
  hash(path: string): Promise<string>;
  /** Path arithmetic of the platform. */
  resolve(base: string, path: string): string;
  folderOf(path: string): string;
  baseName(path: string): string;
  checkpoints?(key: string): CheckpointStore;
  /** What later jobs on the same model and data may use again. */
  ratings?(key: string): Promise<CheckpointStore>;
}
