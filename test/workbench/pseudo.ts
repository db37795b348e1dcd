import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";

/** A language that nobody speaks, by VS Code's name for it: English with every vowel changed, a third longer and in brackets, so that a sentence that is not translated, or cut, stands out. */
export const PSEUDO = "qps-ploc";

const LONGER = 0.35, VOWELS = "aeiouAEIOU", CHANGED = "áéíóúÁÉÍÓÚ";

/** A sentence in it; arguments, icons, links and what stands as code remain. */
export function pseudo(sentence: string): string {
  const changed = sentence.split(/(\{\d+\}|\$\([^)]*\)|\]\([^)]*\)|`[^`]*`)/).map((part, i) => (i % 2 ? part : part.replace(/[aeiou]/gi, (vowel) => CHANGED[VOWELS.indexOf(vowel)]))).join("");
  return `⟦${changed}${"~".repeat(Math.ceil(LONGER * sentence.replace(/[^a-z]/gi, "").length))}⟧`;
}

const translated = (strings: Record<string, string>): string => JSON.stringify(Object.fromEntries(Object.entries(strings).map(([key, text]) => [key, pseudo(text)])));
const read = (file: string): Record<string, string> => JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;

/** Gives an installed extension its sentences in that language, as a translation would. */
export function translate(extensions: string): void {
  const home = readdirSync(extensions).find((name) => name.startsWith("kernelscope"));
  if (!home) throw new Error("The extension is not installed.");
  const at = (...names: string[]) => path.join(extensions, home, ...names);
  writeFileSync(at("dist", "l10n", `bundle.l10n.${PSEUDO}.json`), translated(read(at("dist", "l10n", "bundle.l10n.json"))));
  writeFileSync(at(`package.nls.${PSEUDO}.json`), translated(read(at("package.nls.json"))));
}

/** Words on a page that are English: neither translated nor among those that are names. */
export const englishOn = (page: Frame, names: RegExp): Promise<string[]> => page.evaluate(([source]) => {
  const found = new Set<string>(), known = new RegExp(source), add = (text: string | null | undefined) => {
    // what stands in brackets is translated, with the names in it
    let open = 0, outside = "";
    for (const c of text ?? "") {
      if (c === "⟦") open++;
      else if (c === "⟧") open--;
      else if (open === 0) outside += c;
    }
    for (const [word] of outside.replace(/\/\S+/g, "").matchAll(/\p{L}{3,}/gu)) if (!known.test(word)) found.add(`${word}: ${text!.trim().slice(0, 80)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) if (!node.parentElement?.closest("style, script")) add(node.textContent);
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]")) for (const name of ["aria-label", "title", "placeholder"]) add(element.getAttribute(name));
  return [...found];
}, [names.source] as const);
