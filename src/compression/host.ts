import type { ImageAccess } from "../evaluation/dataset";
import type { ByteSink } from "../onnx/bytes";
import type { Model } from "../onnx/model";
import type { ComputePool } from "../numeric/tasks";
import type { Runtime } from "../runtime/runtime";
import type { CheckpointStore } from "./checkpoint";

/** A model file opened for reading. */
export interface OpenedModel {
  model: Model;
  /** Bytes on disk, external data included. */
  bytes: number;
  /** Paths of the model and its external data. */
  files: readonly string[];
  close(): Promise<void>;
}

/** What a job needs of the machine it runs on. */
export interface Host {
  runtime: Runtime;
  pool: ComputePool;
  /** Threads that onnxruntime takes where nobody says how many. */
  threads: number;
  openModel(path: string): Promise<OpenedModel>;
  openData(path: string): Promise<ImageAccess>;
  readText(path: string): Promise<string>;
  exists(path: string): Promise<boolean>;
  /** Whether a path leads to one of these files, by whatever name. */
  isOneOf(path: string, files: readonly string[]): Promise<boolean>;
  /** Finds out before long work whether a file can be written. @param name proposed to who gives a folder in its place @throws KernelscopeError "write-failed", "usage" */
  checkWritable(path: string, name: string): Promise<void>;
  /**
   * The file, and what is written `beside` it, appear whole or not at all. Without `replace`, another file that is there stays, and the call fails.
   * @returns the files that are there now and were not before @throws KernelscopeError "write-failed", "file-exists"
   */
  write(path: string, write: (sink: ByteSink, beside: (name: string) => Promise<ByteSink>) => Promise<unknown>, replace: boolean): Promise<string[]>;
  remove(path: string): Promise<void>;
  digest(path: string): Promise<{ bytes: number; gzipBytes: number; sha256: string }>;
  hash(path: string): Promise<string>;
  /** Path arithmetic of the platform. */
  resolve(base: string, path: string): string;
  folderOf(path: string): string;
  baseName(path: string): string;
  checkpoints?(key: string): CheckpointStore;
  /** What later jobs on the same model and data may use again. */
  ratings?(key: string): CheckpointStore;
  /** Gives dead memory back now. */
  collectGarbage(): void;
  /** Identity of the running program: checkpoints of another are not used. */
  program(): Promise<string>;
}
