import type { LayerRow } from "../../src/protocol/api";
import type { ComparedLayer } from "../../src/protocol/compare";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { countedIn } from "../layers/table";
import { changeOf, foldedWords, otherName, sizeWords } from "./changes";
import { rowNames } from "./names";

/** Bars of signal to noise are this long at the end. */
const FULL_DB = 50;

/** Layers as rows, each at the height of its nodes in both graphs. */
export class CompareTable {
  readonly head = el("div", { class: "cmp-row cmp-heads", "aria-hidden": "true" });
  readonly body = el("div", { class: "cmp-rows", role: "listbox", tabindex: 0, "aria-label": t("Layers of both models") });
  private readonly rows: HTMLElement[];
  /** What is said of each row; what is measured comes to it. */
  private readonly spoken: Map<"row" | "weights" | "outputs" | "flips", string>[];
  private lit = -1;
  private selected = -1;

  constructor(layers: readonly ComparedLayer[], private readonly choose: (row: number) => void, open: (row: number) => void, hover: (row: number) => void) {
    const heads: [text: string, kind: string][] = [[t("Layer"), "name"], [t("Method"), "method"], [t("Bytes before"), "before"], [t("after"), "after"], [t("ratio"), "ratio"], [t("Bits per weight"), "bits"], [t("SQNR of weights"), "weights"], [t("SQNR of outputs"), "outputs"], [t("Flips begin"), "flips"]];
    this.head.append(...heads.map(([text, kind]) => el("span", { class: `cmp-${kind}`, title: text }, text)));
    const widest = Math.max(1, ...layers.map(({ after }) => after?.bitsPerWeight ?? 0));
    const names = rowNames(layers);
    this.rows = layers.map((layer, i) => rowOf(layer, names[i], i, widest));
    this.spoken = this.rows.map((row) => new Map([["row", row.getAttribute("aria-label") ?? ""]]));
    this.body.append(...this.rows);
    const places = new Map<Element | null, number>(this.rows.map((row, i) => [row, i])), rowAt = (target: EventTarget | null): number => places.get(target instanceof Element ? target.closest(".cmp-row") : null) ?? -1;
    this.body.addEventListener("click", ({ target }) => choose(rowAt(target)));
    this.body.addEventListener("dblclick", ({ target }) => open(rowAt(target)));
    this.body.addEventListener("pointerover", ({ target }) => hover(rowAt(target)));
    this.body.addEventListener("pointerleave", () => hover(-1));
    this.body.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "Enter" && this.selected >= 0) { open(this.selected); event.preventDefault(); }
      const last = layers.length - 1, page = Math.max(1, Math.floor((this.body.parentElement?.clientHeight ?? 0) / (this.rows[0]?.offsetHeight || 20)) - 1);
      const to = { ArrowDown: this.selected + 1, ArrowUp: this.selected - 1, PageDown: this.selected + page, PageUp: this.selected - page, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      this.choose(Math.max(0, Math.min(last, to)));
      event.preventDefault();
    });
  }

  select(row: number): void {
    this.rows[this.selected]?.setAttribute("aria-selected", "false");
    this.selected = row;
    const chosen = this.rows[row];
    if (!chosen) { this.body.removeAttribute("aria-activedescendant"); return; }
    chosen.setAttribute("aria-selected", "true");
    this.body.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  /** The rows that a text is in, which are marked; none are where it is empty. */
  find(text: string): number[] {
    const wanted = text.trim().toLowerCase(), found = this.rows.map((row) => wanted !== "" && `${row.dataset.words ?? ""} ${row.getAttribute("aria-label") ?? ""}`.toLowerCase().includes(wanted));
    this.rows.forEach((row, i) => row.toggleAttribute("data-found", found[i]));
    return found.flatMap((is, i) => (is ? [i] : []));
  }

  get chosen(): number { return this.selected; }

  light(row: number): void {
    this.rows[this.lit]?.toggleAttribute("data-lit", false);
    this.rows[this.lit = row]?.toggleAttribute("data-lit", true);
  }

  /** Signal to noise of a layer's weights; nothing lost where it is undefined. */
  weights(row: number, sqnrDb: number | undefined): void {
    fillNoise(this.rows[row]?.querySelector(".cmp-weights"), sqnrDb ?? Infinity);
    this.say(row, "weights", sqnrDb === undefined ? t("weights as before") : t("weights at {0}", format.decibels(sqnrDb)));
  }
  /** The same of its outputs, the median of many images. */
  outputs(row: number, sqnrDb: number): void {
    fillNoise(this.rows[row]?.querySelector(".cmp-outputs"), sqnrDb);
    if (Number.isFinite(sqnrDb)) this.say(row, "outputs", t("outputs at {0}", format.decibels(sqnrDb)));
  }

  private say(row: number, kind: "weights" | "outputs" | "flips", text: string): void {
    const spoken = this.spoken[row];
    if (!spoken) return;
    spoken.set(kind, text);
    this.rows[row].setAttribute("aria-label", [...spoken.values()].filter(Boolean).join(", "));
  }

  /** How many of all flips begin at each layer. @param counts by row */
  flips(counts: ReadonlyMap<number, number>, all: number): void {
    this.rows.forEach((row, i) => {
      const count = counts.get(i) ?? 0, cell = row.querySelector<HTMLElement>(".cmp-flips"), whole = t("{0} of {1} flips begin here", format.whole(count), format.whole(all));
      if (!cell) return;
      cell.replaceChildren(count ? el("span", { class: "cmp-count" }, format.whole(count)) : "");
      cell.title = count ? whole : "";
      this.say(i, "flips", count ? whole : "");
    });
  }
}

function fillNoise(cell: Element | null | undefined, db: number): void {
  if (!cell) return;
  const text = db === Infinity ? "∞" : Number.isFinite(db) ? format.decibels(db).replace(/ dB$/, "") : "–";
  cell.replaceChildren(el("span", { title: db === Infinity ? t("nothing is lost") : "" }, text), bar(Number.isNaN(db) ? 0 : Math.max(0, Math.min(1, db / FULL_DB)), db < 3));
}

function bar(share: number, low = false): HTMLElement {
  const inner = el("span");
  inner.style.width = `${100 * share}%`;
  return el("span", { class: `cmp-bar${low ? " low" : ""}` }, inner);
}

/** @param shown its name in the table */
function rowOf(layer: ComparedLayer, shown: string, i: number, widest: number): HTMLElement {
  const { id, label, before, after, skipped } = layer, sizes = sizeWords(layer), folded = foldedWords(layer), other = otherName(layer), change = changeOf(layer);
  const ratio = before && after && after.bytes > 0 ? before.bytes / after.bytes : undefined, [kind, size] = after ? methodOf(after) : ["", ""];
  const missing = before ? t("removed") : t("added"), kept = skipped !== undefined ? el("span", { class: "cmp-left", title: t("As before. {0}", skipped) }, skipped)
    : before && after ? el("span", { class: "cmp-tag" }, ...(kind ? [el("span", {}, kind)] : []), el("span", {}, size)) : el("span", { class: `cmp-mark ${change ?? ""}` }, missing);
  const method = el("span", { class: "cmp-method-parts" }, kept, ...(sizes ? [el("span", { class: "cmp-mark resized", title: sizes.long }, el("span", { class: "cmp-long" }, sizes.short), el("span", { class: "cmp-brief", "aria-hidden": "true" }, sizes.brief))] : []), ...(folded ? [el("span", { class: "cmp-fold", title: folded }, layer.folded!.ops.includes("BatchNormalization") ? t("+ BN") : `+ ${layer.folded!.ops[0]}`)] : []));
  const cells: [string, Node | string][] = [
    ["name", shown], ["method", method], ["before", before ? format.bytes(before.bytes) : "–"], ["after", after ? format.bytes(after.bytes) : "–"], ["ratio", ratio === undefined ? "–" : `${format.times(ratio)}×`],
  ];
  const spoken = [shown, after ? [kind, size].filter(Boolean).join(" ") : "", before && after ? t("{0} before, {1} after", format.bytes(before.bytes), format.bytes(after.bytes)) : missing, after ? t("{0} bits per weight", format.bits(after.bitsPerWeight)) : "", sizes?.long ?? "", folded ?? "", other === undefined ? "" : t("renamed to {0}", other), skipped ?? ""].filter(Boolean).join(", ");
  return el("div", { class: "cmp-row", role: "option", id: `row-${i}`, "data-layer": id, "data-words": [id, after?.name, (after ?? before)?.op].join(" "), "aria-selected": "false", "aria-label": spoken },
    ...cells.map(([name, content]) => el("span", { class: `cmp-${name}`, title: name === "name" ? [label, ...(other === undefined ? [] : [t("renamed to {0}", other)])].join("\n") : undefined }, content)),
    el("span", { class: "cmp-bits", title: after && countedIn(after) }, el("span", {}, after ? format.bits(after.bitsPerWeight) : "–"), bar(after ? (after.bitsPerWeight / widest) ** 0.6 : 0)), el("span", { class: "cmp-weights" }), el("span", { class: "cmp-outputs" }), el("span", { class: "cmp-flips" }));
}

/** "1×3", "64 words"; "int", "8 bits"; "", "float32" */
export function methodOf({ method, codewords, blockSize = 1, codebookBits, density, wavelet, shape, dataType }: LayerRow): [string, string] {
  if (wavelet) return [t("wavelets"), t("{0} × {1} levels", wavelet.summed, wavelet.levels)];
  if (codewords !== undefined) return [format.block(shape.slice(2), blockSize), t("{0} words", format.whole(codewords))];
  if (density !== undefined) return [t("sparse"), t("{0} of {1} bits", format.percent(density), codebookBits ?? "")];
  return method !== undefined ? [t("int"), t("{0} bits", codebookBits ?? "")] : ["", dataType];
}
