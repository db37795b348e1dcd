/** Random access to the bytes of a file, wherever it lies. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; rejects with a `truncated` error where there are fewer. The result may be a view that must not be changed. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset`, where a source can do that without memory of its own. */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
}

/** Takes bytes in order. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Opens a model's external data files; refuses locations that leave the model's folder. */
export interface ExternalFiles {
  open(location: string): Promise<ByteSource>;
}

/** A folder of files, or a single one, wherever it lies. */
export interface DataAccess {
  /** For messages. */
  name: string;
  /** What lies in a folder ("" is the top); undefined where there is one file only. */
  list(folder: string): Promise<{ name: string; folder: boolean }[] | undefined>;
  open(path: string): Promise<ByteSource>;
}
