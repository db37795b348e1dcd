import { KernelscopeError } from "../protocol/errors";

/** Words for what keeps a file from being read. */

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

const UNREADABLE: Record<string, string> = {
  EACCES: "you have no permission to read it", EPERM: "you have no permission to read it", EBUSY: "another program has locked it", EISDIR: "it is a folder",
  EMFILE: "too many files are open", ENFILE: "too many files are open", EIO: "the disk reports an error", ELOOP: "its links go round in circles",
};

/** Whether what was asked for is not there at all. */
export const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";

/** The error that says why a file cannot be read. */
export function unreadable(code: "bad-model" | "bad-data", file: string, error: unknown): KernelscopeError {
  if (error instanceof KernelscopeError) return error;
  if (isMissing(error)) return new KernelscopeError(code, code === "bad-model" ? `There is no file ${file}.` : `There is no data at ${file}.`);
  return new KernelscopeError(code, `${file} cannot be read: ${UNREADABLE[codeOf(error)] ?? reasonOf(error)}.`);
}
