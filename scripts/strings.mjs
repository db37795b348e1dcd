// Every sentence that a user can see, for translators: dist/l10n/bundle.l10n.json. Translations lie in l10n/, beside which it can be copied.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

/** Sentences that are arguments of `t(…)`, in pages, or of `vscode.l10n.t(…)`, in the host. */
function sentences(file) {
  const found = [], source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest);
  const visit = (node) => {
    if (ts.isCallExpression(node) && /^(t|vscode\.l10n\.t)$/.test(node.expression.getText(source)) && node.arguments.length && ts.isStringLiteralLike(node.arguments[0])) found.push(node.arguments[0].text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Collects the sentences and puts translations beside them. */
export function writeStrings() {
  const files = ["src", "webview"].flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith(".ts")).map((entry) => `${entry.parentPath}/${entry.name}`));
  const all = [...new Set(files.flatMap(sentences))].sort();
  mkdirSync("dist/l10n", { recursive: true });
  writeFileSync("dist/l10n/bundle.l10n.json", `${JSON.stringify(Object.fromEntries(all.map((sentence) => [sentence, sentence])), null, 1)}\n`);
  if (existsSync("l10n")) cpSync("l10n", "dist/l10n", { recursive: true });
}
