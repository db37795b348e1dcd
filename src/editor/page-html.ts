import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { PageStart } from "../protocol/page";

const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** The folders that a page may load from. */
export const pageRoots = (extension: vscode.Uri): vscode.Uri[] => [vscode.Uri.joinPath(extension, "dist", "page"), vscode.Uri.joinPath(extension, "media")];

/** The page's HTML: one script with a nonce, one style sheet, nothing remote. */
export function pageHtml(webview: vscode.Webview, extension: vscode.Uri, start: PageStart): string {
  const nonce = randomBytes(18).toString("base64");
  const file = (name: string) => escape(webview.asWebviewUri(vscode.Uri.joinPath(extension, "dist", "page", name)).toString());
  const policy = [
    "default-src 'none'", `script-src 'nonce-${nonce}'`, `style-src ${webview.cspSource}`, `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource}`, "worker-src blob:",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="${escape(start.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" id="vscode-codicon-stylesheet" href="${file("page.css")}">
<title>${escape(start.name)}</title>
</head>
<body data-vscode-context='{"preventDefaultContextMenuItems":true}' data-start="${escape(JSON.stringify(start))}">
<main id="page"></main>
<script nonce="${nonce}" src="${file("page.js")}"></script>
</body>
</html>`;
}
