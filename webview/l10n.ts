import { start } from "./host";

/** The translation of an English sentence; `{0}` and so on stand for the arguments. */
export function t(message: string, ...args: (string | number)[]): string {
  return (start.strings[message] ?? message).replace(/\{(\d+)\}/g, (whole, index: string) => {
    const value = args[Number(index)];
    return value === undefined ? whole : String(value);
  });
}
