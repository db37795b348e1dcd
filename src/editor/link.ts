import type { NodePlace } from "../protocol/page";

/** Links that open a model at a node. Pure text, so that they are the same whoever reads them. */

export interface NodeLink extends NodePlace {
  /** Of the model: below a workspace folder with slashes, or from the root of a disk. */
  file: string;
}

/** Scheme of the editor, and the extension whose link it is. */
export const linkTo = (scheme: string, extension: string, { file, node, body }: NodeLink): string =>
  `${scheme}://${extension}/open?${[["file", file], ["node", node], ["graph", body ?? ""]].filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;

/** What a link says, whatever its scheme; undefined where it is none of ours. */
export function readLink(link: string): NodeLink | undefined {
  const [, path, query] = /^[\w+.-]+:\/\/[^/?#]*(\/[^?#]*)\?([^#]*)$/.exec(link.trim()) ?? [];
  if (path !== "/open" || !query) return undefined;
  const values = new URLSearchParams(query), file = values.get("file"), node = values.get("node"), body = values.get("graph");
  return file && node ? { file, node, ...(body && { body }) } : undefined;
}
