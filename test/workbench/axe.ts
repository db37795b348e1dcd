import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Frame } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds on a page, a line for each rule with the first elements that break it. Of its rules only contrast depends on the theme: the others are tried in the dark one, and where no theme of VS Code is. */
export async function violations(page: Frame): Promise<string[]> {
  await page.evaluate(axe);
  const isShownElsewhere = await page.evaluate(() => document.body.matches(".vscode-light, .vscode-high-contrast, .vscode-high-contrast-light"));
  const { violations } = await page.evaluate<AxeResults>(`axe.run(document, ${JSON.stringify({ resultTypes: ["violations"], ...(isShownElsewhere && { runOnly: ["color-contrast"] }) })})`);
  return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.length}) ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary?.split("\n")[1]?.trim()}`).join(" | ")}`);
}
