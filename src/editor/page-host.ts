import * as vscode from "vscode";
import type { BlockChoice, BlockRequest } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { MOST_CORNERS, MOST_OUTLINES } from "../protocol/outline";
import type { PageStart, PictureSize } from "../protocol/page";
import type { Channel } from "../protocol/rpc";

/** What both editors share: how their pages start, how they speak, and how little of what they say is believed. */

export const pageStart = (kind: PageStart["kind"], uri: vscode.Uri): PageStart => ({
  kind, name: uri.path.split("/").pop() ?? "", trusted: vscode.workspace.isTrusted, isOnDisk: uri.scheme === "file", language: vscode.env.language, strings: plainStrings(vscode.l10n.bundle),
});

export function webviewChannel(webview: vscode.Webview): Channel {
  return {
    post: (message) => { void webview.postMessage(message); },
    listen: (receive) => { const listener = webview.onDidReceiveMessage(receive); return () => { listener.dispose(); }; },
  };
}

/** A page's argument is a stranger's: no longer string, no broken number goes on. */
export function text(value: unknown): string {
  if (typeof value !== "string" || value.length > 10_000) throw new KernelscopeError("usage", "The page sent no name.");
  return value;
}

export function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw new KernelscopeError("usage", "The page sent no count.");
  return value;
}

export function pictureSize({ width, height, scale }: PictureSize): PictureSize {
  if (typeof scale !== "number" || !(scale > 0)) throw new KernelscopeError("usage", "The page sent no scale.");
  return { width: whole(width), height: whole(height), scale };
}

export function blocksWanted(request: BlockRequest): BlockRequest {
  if ("block" in request) return { block: whole(request.block) };
  const page = { first: whole(request.first), count: whole(request.count) };
  return "word" in request ? { word: whole(request.word), ...page } : { chosen: whole(request.chosen), ...page };
}

export function choiceWanted(choice: BlockChoice): BlockChoice {
  const list = (value: unknown): Uint32Array => {
    if (!(value instanceof Uint32Array)) throw new KernelscopeError("usage", "The page sent no list.");
    return value;
  };
  if ("words" in choice) return { words: list(choice.words) };
  if ("blocks" in choice) return { blocks: list(choice.blocks) };
  return { outlines: choice.outlines.slice(0, MOST_OUTLINES).map(({ points, takes }) => {
    if (!Array.isArray(points) || points.length > 2 * MOST_CORNERS || points.length % 2 || !points.every(Number.isFinite)) throw new KernelscopeError("usage", "The page sent no outline.");
    return { points, takes: takes === true };
  }) };
}

function plainStrings(bundle: typeof vscode.l10n.bundle): Record<string, string> {
  return Object.fromEntries(Object.entries(bundle ?? {}).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}
