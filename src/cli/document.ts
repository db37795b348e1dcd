/** What a command tells, and how it is written: as text for a terminal, as Markdown for a pull request, as a page of HTML. */

export interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** Columns of figures, which are aligned to the right. */
  figures: readonly number[];
  /** The column beside which HTML has bars, how long they are as shares of the longest, and what that one stands for. */
  bars?: { column: number; shares: readonly number[]; most: string };
  /** Written out of sight under this line where the form can fold it. */
  folded?: string;
}
/** A line of its own, a table, or an empty line of text between parts. */
export type Block = string | Table;
/** A figure that counts most, and what it is: "12.6×", "smaller". */
export type KeyFigure = readonly [figure: string, what: string];
/** @see KeyFigure; a terminal has them in the blocks, or has a line in place of them and the title */
export interface Document { title: string; keyFigures?: readonly KeyFigure[]; headline?: string; blocks: readonly Block[]; /** A file's path on this machine: what others read, Markdown and HTML, has its name alone. */ local?: string }

/** What is told where others read it. */
const told = ({ blocks, local }: Document): Block[] => blocks.filter((block) => block !== "").map((block) => (isTable(block) || !local ? block : block.replaceAll(local, local.split(/[\\/]/).at(-1) ?? local)));

const isTable = (block: Block): block is Table => typeof block !== "string";

/** Lines for a terminal; the title is left out where it says no more than the command did. */
export function toText({ headline, blocks }: Document): string {
  return [...headline === undefined ? [] : [headline], ...blocks].map((block) => (isTable(block) ? textTable(block) : `${block}\n`)).join("");
}

function textTable({ head, rows, figures }: Table): string {
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((row) => row[c].length)));
  return [head, ...rows].map((row) => `${row.map((cell, c) => (figures.includes(c) ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  ").trimEnd()}\n`).join("");
}

/** GitHub's Markdown. */
export function toMarkdown(document: Document): string {
  const { title, keyFigures = [] } = document;
  return `${[`### ${markdown(title)}`, ...keyFigures.length ? [keyFigures.map(([figure, what]) => `**${markdown(figure)}** ${markdown(what)}`).join(" · ")] : [], ...told(document).map((block) => (isTable(block) ? markdownTable(block) : markdown(block)))].join("\n\n")}\n`;
}

/** With minus signs where a terminal has hyphens. */
const signed = (text: string): string => text.replace(/(?<![\w.])-(?=\d)/g, "−");

const markdown = (text: string): string => signed(text).replace(/[\\`*_{}[\]<>|#]/g, "\\$&");

function markdownTable({ head, rows, figures, folded }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdown).join(" | ")} |`;
  const text = [line(head), `| ${head.map((_, c) => (figures.includes(c) ? "---:" : "---")).join(" | ")} |`, ...rows.map(line)].join("\n");
  return folded === undefined ? text : `<details><summary>${html(folded)}</summary>\n\n${text}\n\n</details>`;
}

const STYLE = `:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 16%, transparent); --faint: color-mix(in srgb, currentColor 66%, transparent); --bar: light-dark(#0f766e, #3cc8b4); --page: light-dark(#fff, #1f1f1f); --shade: light-dark(#0003, #000a); }
body { font: 14px/1.55 system-ui, "Segoe UI", sans-serif; max-width: 78rem; margin: 2.5rem auto; padding: 0 1.5rem; background: var(--page); color: light-dark(#1f2328, #d4d4d4); }
h1 { font-size: 1.35rem; font-weight: 600; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere; } p { margin: 0.5rem 0; max-width: 62rem; overflow-wrap: anywhere; }
.key { display: flex; flex-wrap: wrap; gap: 0.75rem 2.25rem; margin: 0 0 1.25rem; padding: 0.85rem 0; border: solid var(--line); border-width: 1px 0; } .key div { display: flex; flex-direction: column-reverse; } .key dt { color: var(--faint); font-size: 0.85rem; } .key dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 1rem 0; background: linear-gradient(to right, var(--page) 40%, transparent) 0 0 / 2.5rem 100% local, linear-gradient(to left, var(--page) 40%, transparent) 100% 0 / 2.5rem 100% local, linear-gradient(to right, var(--shade), transparent) 0 0 / 0.9rem 100%, linear-gradient(to left, var(--shade), transparent) 100% 0 / 0.9rem 100%; background-repeat: no-repeat; }
.scroll::-webkit-scrollbar { height: 10px; } .scroll::-webkit-scrollbar-track { background: var(--line); } .scroll::-webkit-scrollbar-thumb { background: var(--faint); border-radius: 5px; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: 0.25rem 1.25rem 0.25rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; } th { color: var(--faint); font-weight: 500; font-size: 0.85rem; } td:last-child:not(.figure) { white-space: normal; } td:first-child:not(.figure) { white-space: normal; min-width: 7rem; overflow-wrap: break-word; } .figure { text-align: right; }
.bar { width: 7rem; min-width: 5rem; } .scale { color: var(--faint); font-size: 0.75rem; vertical-align: bottom; } .scale span { display: flex; justify-content: space-between; width: 7rem; } .scale i { font-style: normal; } .bar i { display: block; height: 0.5rem; margin-top: 0.45rem; min-width: 1px; border-radius: 1px; background: var(--bar); } .note { padding-left: 0.75rem; border-left: 3px solid var(--line); color: var(--faint); } summary { cursor: pointer; margin: 0.75rem 0; }
@media (max-width: 1160px) { th, td { padding-right: 0.9rem; } td, td.figure, th { white-space: normal; } .bar { width: 5rem; min-width: 3rem; } .scale span { width: 5rem; } }
@media (max-width: 900px) { .bar, .scale { display: none; } }
@media (max-width: 760px) { body { margin: 1.25rem auto; padding: 0 0.75rem; } th, td { padding-right: 0.6rem; } }
@media (prefers-contrast: more) { :root { --line: currentColor; --faint: currentColor; } }
@media (forced-colors: active) { :root { --line: CanvasText; --faint: CanvasText; } .bar i { forced-color-adjust: none; background: CanvasText; } .scroll { border: solid CanvasText; border-width: 0 1px; padding: 0 4px; } .scroll::-webkit-scrollbar-track { background: Canvas; border: 1px solid CanvasText; } .scroll::-webkit-scrollbar-thumb { forced-color-adjust: none; background: CanvasText; } }
@media print { .scroll { overflow: visible; background: none; } td, td.figure, th { white-space: normal; } }`;

/** One page that needs nothing beside itself, in the reader's light or dark. */
export function toHtml(document: Document): string {
  const { title, keyFigures = [] } = document;
  const key = keyFigures.length ? [`<dl class="key">${keyFigures.map(([figure, what]) => `<div><dt>${html(what)}</dt><dd>${html(figure)}</dd></div>`).join("")}</dl>`] : [];
  const body = [...key, ...told(document).map((block) => (isTable(block) ? htmlTable(block) : `<p${block.startsWith("Note: ") ? " class=\"note\"" : ""}>${html(block)}</p>`))];
  return `<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>${html(title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<main>\n<h1>${html(title)}</h1>\n${body.join("\n")}\n</main>\n</body>\n</html>\n`;
}

/** Where lines of a cell may break: a figure stays with its unit, and an arrow with what it leads to. */
const figure = (text: string): string => text.replace(/(?<=[\d.]) (?=[A-Za-z%])|(?<= →) /g, "\u00a0");

const html = (text: string): string => signed(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function htmlTable({ head, rows, figures, bars, folded }: Table): string {
  const cell = (text: string, c: number, tag: string): string => `<${tag}${tag === "th" ? " scope=\"col\"" : ""}${figures.includes(c) ? " class=\"figure\"" : ""}>${html(figure(text))}</${tag}>`;
  const line = (cells: readonly string[], tag: string, bar: string): string => `<tr>${cells.map((text, c) => `${cell(text, c, tag)}${c === bars?.column ? bar : ""}`).join("")}</tr>`;
  const barOf = (share = 0): string => `<td class="bar" aria-hidden="true"><i style="width: ${(100 * share).toFixed(1)}%"></i></td>`;
  const table = `<div class="scroll" tabindex="0" role="group" aria-label="${html(folded ?? head.join(", "))}"><table>\n<thead>${line(head, "th", `<td class="scale" aria-hidden="true"><span><i>0</i><i>${html(bars?.most ?? "")}</i></span></td>`)}</thead>\n<tbody>\n${rows.map((row, i) => line(row, "td", barOf(bars?.shares[i]))).join("\n")}\n</tbody>\n</table></div>`;
  return folded === undefined ? table : `<details><summary>${html(folded)}</summary>\n${table}\n</details>`;
}
