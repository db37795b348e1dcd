import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** One word for one thing in all that users read: a codebook has codewords, and its page is shown. */

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name)).filter((name) => /\.(ts|md|json)$/.test(name));
/** What code puts into words for users, and whole texts. */
const texts = [
  ...["webview", "src"].flatMap(filesIn).flatMap((file) => Array.from(readFileSync(file, "utf8").matchAll(/\bt\("((?:[^"\\]|\\.)*)"/g), ([, text]) => [file, text] as const)),
  ...Object.entries(JSON.parse(readFileSync("package.nls.json", "utf8")) as Record<string, string>).map(([key, text]) => [`package.nls.json ${key}`, text] as const),
  ...["README.md", ...filesIn("media/walkthrough")].map((file) => [file, readFileSync(file, "utf8")] as const),
];

test.each<[wrong: RegExp, right: string]>([
  [/[{\d]\S* words\b(?! long)/i, "codewords"], [/code[- ](word|book)/i, "codeword, codebook"], [/(Preview|Open|View|Inspect) Codebook/i, "Show Codebook"], [/\bdictionar|\bcentroid|\bcentre of a cluster/i, "codebook, codeword"],
])("nothing says %s: it is %s", (wrong) => {
  expect(texts.length).toBeGreaterThan(500);
  expect(texts.filter(([, text]) => wrong.test(text)).map(([where, text]) => `${where}: ${wrong.exec(text)![0]}`)).toEqual([]);
});
