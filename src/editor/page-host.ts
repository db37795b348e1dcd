import * as vscode from "vscode";
import { KernelscopeError } from "../protocol/errors";
import type { PageStart } from "../protocol/page";
import type { Channel } from "../protocol/rpc";

/** What both editors share: how their pages start, how they speak, and how little of what they say is believed. */

export const pageStart = (kind: PageStart["kind"], uri: vscode.Uri): PageStart => ({
  kind, name: uri.path.split("/").pop() ?? "", trusted: vscode.workspace.isTrusted, language: vscode.env.language, strings: plainStrings(vscode.l10n.bundle),
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

function plainStrings(bundle: typeof vscode.l10n.bundle): Record<string, string> {
  return Object.fromEntries(Object.entries(bundle ?? {}).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])));
}
