import type { LayerRow } from "../../src/protocol/api";
import type { ComparedLayer } from "../../src/protocol/compare";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { countedIn, floatMark } from "../layers/stored";
import { nameWidths, namesWithin, shortNames } from "../names";
import { changeOf, foldedWords, otherName, sizeWords } from "./changes";
import { rowNames } from "./names";

/** Bars of signal to noise are this long at the end. */
const FULL_DB = 50;

/** So many of so many. */
export interface Progress { done: number; all: number }

/** Layers as rows, each at the height of its nodes in both graphs. */
export class CompareTable {
  readonly head = el("div", { class: "cmp-row cmp-heads", "aria-hidden": "true" });
  readonly body = el("div", { class: "cmp-rows", role: "listbox", tabindex: 0, "aria-label": t("Layers of both models") });
  /** Below the rows: flips that begin at none of them. */
  readonly foot = el("div", { class: "cmp-foot", hidden: true });
  private readonly rows: HTMLElement[];
  /** What is said of each row; what is measured comes to it. */
  private readonly spoken: Map<"row" | "weights" | "outputs" | "flips", string>[];
  private lit = -1;
  private selected = -1;
  private readonly names: readonly string[];
  private readonly width = nameWidths();

  /** @param made.isTrained weights were trained after they were compressed, so that they may do the same by other values */
  constructor(layers: readonly ComparedLayer[], private readonly made: { isTrained: boolean }, private readonly choose: (row: number) => void, open: (row: number) => void, hover: (row: number) => void) {
    const heads: [kind: string, text: string, brief?: string][] = [
      ["name", t("Layer")], ["method", t("Stored as")], ["before", t("Bytes before"), t("before")], ["after", t("after")], ["ratio", t("ratio")], ["bits", t("Bits per weight"), t("Bits")],
      ["weights", t("SQNR of weights"), t("Weights, dB")], ["outputs", t("SQNR of outputs"), t("Outputs, dB")], ["flips", t("Flips begin"), t("Flips")],
    ];
    this.head.append(...heads.map(([kind, text, brief]) => el("span", { class: `cmp-${kind}`, title: text }, ...(brief === undefined ? [text] : [el("span", { class: "cmp-long" }, text), el("span", { class: "cmp-brief" }, brief)]))));
    const widest = Math.max(1, ...layers.map(({ before, after }) => (after ?? before)?.bitsPerWeight ?? 0));
    const names = this.names = rowNames(layers);
    this.rows = layers.map((layer, i) => rowOf(layer, names[i], i, widest));
    this.spoken = this.rows.map((row) => new Map([["row", row.getAttribute("aria-label") ?? ""]]));
    this.body.append(...this.rows);
    new ResizeObserver(() => this.fit()).observe(this.head.children[0]);
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

  /** What the widest of names takes in a row, and without what names have in common. */
  get widestNames(): { whole: number; short: number } {
    const widest = (names: readonly string[]): number => Math.max(0, ...names.map(this.width));
    return { whole: widest(this.names), short: widest(shortNames(this.names)) };
  }

  /** Names that have less room than they take are cut so that they stay different; what is said of a row has them whole. */
  private fit(): void {
    const room = this.head.querySelector(".cmp-name")?.clientWidth ?? 0;
    if (!room) return;
    const shown = namesWithin(this.names, () => room, this.width);
    this.rows.forEach((row, i) => {
      const name = row.querySelector(".cmp-name bdi");
      if (name && name.textContent !== shown[i]) name.textContent = shown[i];
    });
  }

  get chosen(): number { return this.selected; }

  light(row: number): void {
    this.rows[this.lit]?.toggleAttribute("data-lit", false);
    this.rows[this.lit = row]?.toggleAttribute("data-lit", true);
  }

  /** How far the weights are compared; undefined once they all are. @param text in words */
  comparing(progress: Progress | undefined, text = ""): void { this.headOf("weights", t("SQNR of weights"), progress, text); }

  /** Layers' outputs are being followed, so far on some of all images, or will be once the accuracy is measured. */
  tracing(progress?: Progress): void {
    this.headOf("outputs", t("SQNR of outputs"), progress, progress ? t("following {0} of {1} images through both models", format.whole(progress.done), format.whole(progress.all)) : "");
    for (const row of this.rows) {
      const cell = row.querySelector<HTMLElement>(".cmp-outputs");
      if (cell && !cell.firstChild) open(cell, row.dataset.both !== undefined, t("What both put out here is being compared."));
    }
  }

  /** They are followed, or no longer. @param why rows without a figure have none */
  traced(why: string): void {
    this.headOf("outputs", t("SQNR of outputs"), undefined, "");
    for (const row of this.rows) {
      const cell = row.querySelector<HTMLElement>(".cmp-outputs[data-open]");
      if (cell) fillNoise(cell, NaN, why);
    }
  }

  private headOf(kind: "weights" | "outputs", name: string, progress: Progress | undefined, text: string): void {
    const head = this.head.querySelector<HTMLElement>(`.cmp-${kind}`), bar = head?.querySelector("progress");
    if (!head) return;
    head.title = [name, text].filter(Boolean).join("\n");
    if (!progress) bar?.remove();
    else {
      const shown = bar ?? head.appendChild(el("progress", { class: "cmp-progress" }));
      shown.max = progress.all;
      shown.value = progress.done;
    }
  }

  /** There is no figure for a layer's weights. @param why in words */
  noWeights(row: number, why: string): void {
    fillNoise(this.rows[row]?.querySelector(".cmp-weights"), NaN, why);
    this.say(row, "weights", why);
  }

  /** Signal to noise of a layer's weights; nothing lost where it is undefined. */
  weights(row: number, sqnrDb: number | undefined): void {
    fillNoise(this.rows[row]?.querySelector(".cmp-weights"), sqnrDb ?? Infinity, this.made.isTrained ? t("Fine-tuning has moved these weights on from the original's: what counts is what the outputs lose.") : "", !this.made.isTrained);
    this.say(row, "weights", sqnrDb === undefined ? t("weights as before") : t("weights at {0}", format.decibels(sqnrDb)));
  }
  /** The same of its outputs, the median of many images. */
  outputs(row: number, sqnrDb: number): void {
    fillNoise(this.rows[row]?.querySelector(".cmp-outputs"), sqnrDb, t("What the two put out here has other sizes, or the original puts out nothing on these images."));
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
    const within = all - this.rows.reduce((sum, _, i) => sum + (counts.get(i) ?? 0), 0), text = t("at none: nowhere further off than nine of ten others");
    this.foot.hidden = within === 0;
    this.foot.replaceChildren(el("span", { title: text }, text), el("span", { class: "cmp-count" }, format.whole(within)));
  }
}

/** @param why there is no figure, where there is none, or what else there is to say of it @param warns whether so little that it is no likeness stands out */
function fillNoise(cell: Element | null | undefined, db: number, why = "", warns = true): void {
  if (!(cell instanceof HTMLElement)) return;
  const text = db === Infinity ? "∞" : Number.isFinite(db) ? format.decibels(db).replace(/ dB$/, "") : "–";
  delete cell.dataset.open;
  cell.title = db === Infinity ? t("nothing is lost") : why;
  cell.replaceChildren(el("span", {}, text), ...(Number.isNaN(db) ? [] : [bar(Math.max(0, Math.min(1, db / FULL_DB)), warns && db < 3)]));
}

/** A figure that is not known yet, or will not be where one model alone has the layer. */
function open(cell: HTMLElement, both: boolean, text: string): HTMLElement {
  if (!both) fillNoise(cell, NaN, t("One model alone has this layer."));
  else {
    cell.dataset.open = "";
    cell.title = text;
    cell.replaceChildren(el("span", {}, "…"), bar(0));
  }
  return cell;
}

function bar(share: number, low = false): HTMLElement {
  const inner = el("span");
  inner.style.width = `${100 * share}%`;
  return el("span", { class: `cmp-bar${low ? " low" : ""}` }, inner);
}

/** @param shown its name in the table */
function rowOf(layer: ComparedLayer, shown: string, i: number, widest: number): HTMLElement {
  const { id, label, before, after, skipped } = layer, sizes = sizeWords(layer), folded = foldedWords(layer), other = otherName(layer), change = changeOf(layer), was = wasWords(layer);
  const ratio = before && after && after.bytes > 0 ? before.bytes / after.bytes : undefined, own = after ?? before!, [kind, size] = methodOf(own), both = before !== undefined && after !== undefined;
  const missing = before ? t("removed") : t("added"), alone = t("One model alone has this layer."), stored = el("span", { class: "cmp-tag", title: [kind, size].filter(Boolean).join(" ") }, ...(kind ? [el("span", {}, kind)] : []), el("span", {}, size));
  const kept = skipped !== undefined ? [el("span", { class: "cmp-left", title: t("As before. {0}", skipped) }, skipped)] : both ? [stored] : [stored, el("span", { class: `cmp-mark ${change ?? ""}` }, missing)];
  const method = el("span", { class: "cmp-method-parts" }, ...kept, ...(own.staysFloat && skipped === undefined ? [floatMark()] : []), ...(sizes ? [el("span", { class: "cmp-mark resized", title: sizes.long }, el("span", { class: "cmp-long" }, sizes.short), el("span", { class: "cmp-brief", "aria-hidden": "true" }, sizes.brief))] : []), ...(was === undefined ? [] : [el("span", { class: "cmp-was", title: t("was {0}", was) }, t("was {0}", was))]), ...(folded ? [el("span", { class: "cmp-fold", title: folded }, layer.folded!.ops.includes("BatchNormalization") ? t("BN folded") : t("{0} folded", layer.folded!.ops[0]))] : []));
  const cells: [string, Node | string][] = [
    ["name", el("span", { class: "tail" }, el("bdi", {}, shown))], ["method", method], ["before", before ? format.bytes(before.bytes) : "–"], ["after", after ? format.bytes(after.bytes) : "–"], ["ratio", ratio === undefined ? "–" : `${format.times(ratio)}×`],
  ];
  const spoken = [shown, [kind, size].filter(Boolean).join(" "), before && after ? t("{0} before, {1} after", format.bytes(before.bytes), format.bytes(after.bytes)) : `${missing}, ${format.bytes(own.bytes)}`, t("{0} bits per weight", format.bits(own.bitsPerWeight)), was === undefined ? "" : t("was {0}", was), sizes?.long ?? "", folded ?? "", other === undefined ? "" : t("renamed to {0}", other), own.staysFloat && skipped === undefined ? t("Computes with floats, beside layers on integers") : "", skipped ?? ""].filter(Boolean).join(", ");
  return el("div", { class: "cmp-row", role: "option", id: `row-${i}`, "data-layer": id, "data-both": both ? "" : undefined, "data-words": [id, after?.name, (after ?? before)?.op].join(" "), "aria-selected": "false", "aria-label": spoken },
    ...cells.map(([name, content]) => el("span", { class: `cmp-${name}`, title: name === "name" ? [label, ...(other === undefined ? [] : [t("renamed to {0}", other)])].join("\n") : content === "–" ? alone : undefined }, content)),
    el("span", { class: `cmp-bits${after ? "" : " was"}`, title: countedIn(own) }, el("span", {}, format.bits(own.bitsPerWeight)), bar((own.bitsPerWeight / widest) ** 0.6)),
    open(el("span", { class: "cmp-weights" }), both, t("The weights are being compared.")), el("span", { class: "cmp-outputs" }), el("span", { class: "cmp-flips" }));
}

/** "int 3 bits": how a layer that had been compressed already was stored, where it is stored another way now. */
export function wasWords({ before, after }: ComparedLayer): string | undefined {
  if (!before || !after || before.method === undefined) return undefined;
  const [was, is] = [before, after].map((row) => methodOf(row).filter(Boolean).join(" "));
  return was !== is ? was : before.method === after.method ? undefined : `${was} · ${before.method}`;
}

/** "1×3", "64 codewords"; "int", "8 bits"; "", "float32" */
export function methodOf({ method, codewords, blockSize = 1, codebookBits, density, wavelet, shape, dataType, storedType = dataType }: LayerRow): [string, string] {
  if (wavelet) return [t("wavelets"), t("{0} × {1} levels", wavelet.summed, wavelet.levels)];
  if (codewords !== undefined) return [format.block(shape.slice(2), blockSize), t("{0} codewords", format.whole(codewords))];
  if (density !== undefined) return [t("sparse"), t("{0} of {1} bits", format.percent(density), codebookBits ?? "")];
  return method !== undefined ? [t("int"), t("{0} bits", codebookBits ?? "")] : ["", storedType];
}
