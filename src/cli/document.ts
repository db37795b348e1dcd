/** What a command tells, and how it is written: as text for a terminal, as Markdown for a pull request, as a page of HTML. */

export interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** Columns of figures, which are aligned to the right. */
  figures: readonly number[];
  /** Written out of sight under this line where the form can fold it. */
  folded?: string;
}
/** A line of its own, a table, or an empty line of text between parts. */
export type Block = string | Table;
export interface Document { title: string; blocks: readonly Block[] }

const isTable = (block: Block): block is Table => typeof block !== "string";

/** Lines for a terminal; the title is left out where it says no more than the command did. */
export function toText({ blocks }: Document): string {
  return blocks.map((block) => (isTable(block) ? textTable(block) : `${block}\n`)).join("");
}

function textTable({ head, rows, figures }: Table): string {
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((row) => row[c].length)));
  return [head, ...rows].map((row) => `${row.map((cell, c) => (figures.includes(c) ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  ").trimEnd()}\n`).join("");
}

/** GitHub's Markdown. */
export function toMarkdown({ title, blocks }: Document): string {
  return `${[`### ${markdown(title)}`, ...blocks.filter((block) => block !== "").map((block) => (isTable(block) ? markdownTable(block) : markdown(block)))].join("\n\n")}\n`;
}

const markdown = (text: string): string => text.replace(/[\\`*_{}[\]<>|#]/g, "\\$&");

function markdownTable({ head, rows, figures, folded }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdown).join(" | ")} |`;
  const text = [line(head), `| ${head.map((_, c) => (figures.includes(c) ? "---:" : "---")).join(" | ")} |`, ...rows.map(line)].join("\n");
  return folded === undefined ? text : `<details><summary>${html(folded)}</summary>\n\n${text}\n\n</details>`;
}

const STYLE = `:root { color-scheme: light dark; } body { font: 14px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; } h1 { font-size: 1.3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: 0.15rem 0.75rem; text-align: left; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); } .figure { text-align: right; } .scroll { overflow-x: auto; }`;

/** One page that needs nothing beside itself, in the reader's light or dark. */
export function toHtml({ title, blocks }: Document): string {
  const body = blocks.filter((block) => block !== "").map((block) => (isTable(block) ? htmlTable(block) : `<p>${html(block)}</p>`));
  return `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>${html(title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<h1>${html(title)}</h1>\n${body.join("\n")}\n</body>\n</html>\n`;
}

const html = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function htmlTable({ head, rows, figures, folded }: Table): string {
  const line = (cells: readonly string[], tag: string): string => `<tr>${cells.map((cell, c) => `<${tag}${tag === "th" ? " scope=\"col\"" : ""}${figures.includes(c) ? " class=\"figure\"" : ""}>${html(cell)}</${tag}>`).join("")}</tr>`;
  const table = `<div class="scroll" tabindex="0"><table>\n<thead>${line(head, "th")}</thead>\n<tbody>\n${rows.map((row) => line(row, "td")).join("\n")}\n</tbody>\n</table></div>`;
  return folded === undefined ? table : `<details><summary>${html(folded)}</summary>\n${table}\n</details>`;
}
