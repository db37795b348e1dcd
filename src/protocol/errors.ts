/** What kind of thing went wrong; decides the exit code, the icon and the action that is offered. */
export type ErrorCode =
  | "bad-model" | "truncated" | "external-data" | "unsupported"
  | "bad-data" | "bad-recipe" | "bad-sweep" | "usage" | "target-unreachable" | "nothing-to-compress"
  | "file-exists" | "write-failed" | "runtime" | "worker-died" | "cancelled" | "below-threshold";

/** An error that a user can act on: one clear sentence saying what happened, where, and what to do now. */
export class KernelscopeError extends Error {
  override readonly name = "KernelscopeError";
  constructor(readonly code: ErrorCode, message: string, readonly details: Record<string, string | number> = {}) {
    super(message);
  }
}

/** Whether other images would help. */
export const isOfData = (error: unknown): boolean => error instanceof KernelscopeError && error.code === "bad-data";

/** Whether it is what a model holds, or what is asked of it, so that the same again fails again. */
export const isOfModel = (error: unknown): boolean => error instanceof KernelscopeError && ["bad-model", "truncated", "external-data", "unsupported", "nothing-to-compress"].includes(error.code);

/** Thrown by work that was told to stop. */
export class CancelledError extends KernelscopeError {
  constructor(message = "Cancelled. No file was written.") { super("cancelled", message); }
}

/** Rejects with {@link CancelledError} if the signal is set; call it between pieces of work. */
export function throwIfCancelled(signal?: AbortSignal): void {
  if (signal?.aborted) throw new CancelledError();
}
