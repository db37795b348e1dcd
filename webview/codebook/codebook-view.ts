import type { CodebookFacts, LayerRow } from "../../src/protocol/api";
import { heatmaps } from "../charts/heatmaps";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { scaleBar } from "../layers/kernels";

/** How many codewords are drawn at once; the rest is used less than these. */
const SHOWN = 512;

/** A layer's codebook: every codeword as a heat map with its use, most used first, dead ones last as empty cells. */
export function codebookOf(facts: CodebookFacts, row: LayerRow): HTMLElement {
  const { codewords, block, values, uses } = facts, size = values.length / codewords;
  const order = Array.from(uses.keys()).sort((a, b) => uses[b] - uses[a] || a - b), dead = uses.reduce((sum, n) => sum + (n === 0 ? 1 : 0), 0);
  const absolute = values.map(Math.abs).sort(), m = format.roundUp(absolute[Math.min(absolute.length - 1, Math.floor(0.995 * absolute.length))] || 1);
  const head: [string, string][] = [
    [format.bits(row.bitsPerWeight), t("bits per weight")], [`${format.whole(codewords)} × ${block.join("×")}`, t("codewords, {0}-bit values", facts.codebookBits ?? "–")], [facts.indexBits === 1 ? t("1 bit") : t("{0} bits", facts.indexBits), t("per index")],
    [format.whole(dead), t("dead codewords")], [format.bytes(row.bytes), t("in the file")],
  ];
  const [height, width] = block.length === 2 ? block : [1, size], cell = Math.max(4, Math.round(33 / Math.max(height, width))), most = Math.max(1, ...uses);
  const grid = el("div", { class: "codewords", role: "list", "aria-label": t("Codewords by use") });
  for (const w of order.slice(0, SHOWN)) {
    const word = values.slice(w * size, (w + 1) * size), label = t("Codeword {0}, used {1} times", w, uses[w]);
    const picture = uses[w] ? heatmaps(word, height, width, m, { cell, columns: 1, gap: 0, label }) : el("span", { class: "dead", role: "img", "aria-label": label });
    const bar = el("span", { class: "use-bar" }, Object.assign(el("span"), { style: `width:${100 * uses[w] / most}%` }));
    grid.append(el("div", { class: "codeword", role: "listitem", title: `${label}: ${Array.from(word, (v) => format.weight(v)).join(", ")}` }, picture, bar, el("small", {}, format.whole(uses[w]))));
  }
  return el("div", { class: "codebook" },
    el("header", { class: "figures" }, el("h2", {}, row.label), el("span", { class: "tag" }, facts.method), ...head.map(([value, name]) => el("div", { class: "figure" }, el("b", {}, value), el("small", {}, name)))),
    grid, scaleBar(m, codewords > SHOWN ? t("the {0} most used of {1}, in steps of the codebook's grid", SHOWN, codewords) : t("in steps of the codebook's grid")));
}
