import {
  AbstractMessageReader, AbstractMessageWriter, CancellationTokenSource, createMessageConnection, ErrorCodes, ProgressType, RAL, ResponseError,
  type CancellationToken, type DataCallback, type Message,
} from "vscode-jsonrpc";
import { CancelledError, KernelscopeError, type ErrorCode } from "./errors";

/**
 * One typed way to call another process or the page: an interface of async methods on either side of a channel.
 * Arguments are plain data, typed arrays, progress callbacks and AbortSignals; a handler that throws rejects at the
 * caller with its code and details; closing rejects every call that still waits.
 */

/** What a peer needs of the outside: something that carries structured data both ways. */
export interface Channel {
  /** @throws if the other side is gone */
  post(message: unknown): void;
  /** Returns what stops listening. */
  listen(receive: (message: unknown) => void): () => void;
}

export interface Peer<Theirs extends object> {
  /** The other side's methods. */
  readonly remote: Theirs;
  /** Ends the connection; every pending and later call rejects with `reason`. */
  close(reason: KernelscopeError): void;
}

type Method = (...args: never[]) => Promise<unknown>;
/** An object of async methods; only its own properties can be called from outside. */
export type Methods<T> = { [K in keyof T]: T[K] extends Method ? T[K] : never };

type Argument = { value: unknown } | { progress: string } | { signal: true };
interface Params { args: Argument[] }
interface ErrorData { kernelscope: true; code: ErrorCode; details: Record<string, string | number> }

const CANCELLED = -32800;
const progressOf = new ProgressType<unknown>();

installRal();

/** Joins both ends: `ours` answers their calls, `remote` sends ours. */
export function connect<Theirs extends object, Ours extends object>(channel: Channel, ours: Methods<Ours>): Peer<Theirs> {
  const writer = new Writer(channel);
  const connection = createMessageConnection(new Reader(channel), writer, { error() {}, warn() {}, info() {}, log() {} });
  let closed: KernelscopeError | undefined;
  let nextProgress = 0;

  connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
    const handler = Object.hasOwn(ours, method) ? (ours as Record<string, unknown>)[method] : undefined;
    if (typeof handler !== "function" || !isParams(params)) throw new ResponseError(ErrorCodes.MethodNotFound, `There is no method ${method}.`);
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort());
    if (token.isCancellationRequested) abort.abort();
    const args = params.args.map((argument) => {
      if ("progress" in argument) return (value: unknown) => { void connection.sendProgress(progressOf, argument.progress, value).catch(() => undefined); };
      return "signal" in argument ? abort.signal : argument.value;
    });
    try {
      return { value: await (handler as (...args: unknown[]) => unknown).apply(ours, args) };
    } catch (error) {
      throw toResponse(error);
    }
  });
  connection.onError(() => undefined);
  connection.listen();

  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    if (closed) throw closed;
    const cancel = new CancellationTokenSource();
    const tidy: (() => void)[] = [() => cancel.dispose()];
    const encoded = args.map((argument): Argument => {
      if (argument instanceof AbortSignal) {
        if (argument.aborted) throw new CancelledError();
        const abort = () => cancel.cancel();
        argument.addEventListener("abort", abort);
        tidy.push(() => argument.removeEventListener("abort", abort));
        return { signal: true };
      }
      if (typeof argument !== "function") return { value: argument };
      const token = `${method}/${nextProgress++}`;
      const listener = connection.onProgress(progressOf, token, (value) => { argument(value); });
      tidy.push(() => listener.dispose());
      return { progress: token };
    });
    try {
      const answer: unknown = await connection.sendRequest(method, { args: encoded } satisfies Params, cancel.token);
      return typeof answer === "object" && answer !== null && "value" in answer ? answer.value : undefined;
    } catch (error) {
      throw closed ?? fromResponse(error, writer.failure);
    } finally {
      for (const step of tidy) step();
    }
  };

  const remote = new Proxy({} as Theirs, {
    get: (_, method) => (typeof method === "string" && method !== "then" ? (...args: unknown[]) => call(method, args) : undefined),
  });
  return {
    remote,
    close(reason) {
      if (closed) return;
      closed = reason;
      connection.dispose();
    },
  };
}

function isParams(params: unknown): params is Params {
  return typeof params === "object" && params !== null && "args" in params && Array.isArray(params.args)
    && params.args.every((argument: unknown) => typeof argument === "object" && argument !== null);
}

function toResponse(error: unknown): ResponseError<ErrorData | undefined> {
  if (error instanceof KernelscopeError) {
    const data: ErrorData = { kernelscope: true, code: error.code, details: error.details };
    return new ResponseError(error.code === "cancelled" ? CANCELLED : ErrorCodes.InternalError, error.message, data);
  }
  return new ResponseError<undefined>(ErrorCodes.InternalError, error instanceof Error ? error.message : String(error));
}

function fromResponse(error: unknown, writeFailure: unknown): unknown {
  if (!(error instanceof ResponseError)) return error;
  if (error.code === ErrorCodes.MessageWriteError && writeFailure !== undefined) return writeFailure;
  const data: unknown = error.data;
  if (typeof data === "object" && data !== null && "kernelscope" in data) {
    const { code, details } = data as ErrorData;
    return code === "cancelled" ? new CancelledError(error.message) : new KernelscopeError(code, error.message, details);
  }
  return error.code === CANCELLED ? new CancelledError() : new Error(error.message);
}

/** Marks our messages, so that strangers on the same channel are dropped. */
const isOurs = (message: unknown): message is { kernelscope: Message } =>
  typeof message === "object" && message !== null && "kernelscope" in message && typeof message.kernelscope === "object" && message.kernelscope !== null;

class Reader extends AbstractMessageReader {
  constructor(private readonly channel: Channel) { super(); }
  override listen(callback: DataCallback) {
    const stop = this.channel.listen((message) => { if (isOurs(message)) callback(message.kernelscope); });
    return { dispose: stop };
  }
}

class Writer extends AbstractMessageWriter {
  failure: unknown;
  constructor(private readonly channel: Channel) { super(); }
  async write(message: Message): Promise<void> {
    try {
      // Errors are class instances with a toJSON of their own; structured clone wants plain data.
      this.channel.post({ kernelscope: "error" in message && message.error instanceof ResponseError ? { ...message, error: message.error.toJson() } : message });
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
  end(): void {}
}

/** vscode-jsonrpc's platform layer in web-standard terms: its own entries for Node and for browsers differ, and this code runs in both. Streams are not used. */
function installRal(): void {
  const unused = (): never => { throw new Error("Kernelscope sends messages, not streams."); };
  RAL.install({
    crypto: globalThis.crypto,
    console,
    messageBuffer: { create: unused },
    applicationJson: { encoder: { name: "application/json", encode: unused }, decoder: { name: "application/json", decode: unused } },
    timer: {
      setTimeout(callback, ms, ...args) {
        const handle = setTimeout(callback, ms, ...args);
        return { dispose: () => clearTimeout(handle) };
      },
      setImmediate(callback, ...args) {
        let live = true;
        queueMicrotask(() => { if (live) callback(...args); });
        return { dispose: () => { live = false; } };
      },
      setInterval(callback, ms, ...args) {
        const handle = setInterval(callback, ms, ...args);
        return { dispose: () => clearInterval(handle) };
      },
    },
  });
}
