import type { LayerRow } from "../../src/protocol/api";
import { isOnIntegers } from "../../src/protocol/report";
import { el, keepInSight } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { offerMenu } from "../menu";
import { Windowed } from "../windowed";
import { countedIn, floatMark, storedAs } from "./stored";

export { countedIn, storedAs } from "./stored";

const ROW = 26;
type Key = "label" | "op" | "shape" | "parameters" | "bytes" | "bitsPerWeight" | "method";
const COLUMNS: { key: Key; title: string; number?: boolean }[] = [
  { key: "label", title: t("Layer") }, { key: "op", title: t("Operator") }, { key: "shape", title: t("Weight") }, { key: "method", title: t("Stored as") },
  { key: "parameters", title: t("Weights"), number: true }, { key: "bitsPerWeight", title: t("Bits per weight"), number: true }, { key: "bytes", title: t("Size"), number: true },
];

/** All layers with inline bars; a click on a head sorts, a click on a row selects. */
export class LayerTable {
  readonly element = el("div", { class: "table-pane" });
  private readonly body = el("tbody");
  /** What is listed, in its order; rows are made for what is in sight of a long list. */
  private listed: LayerRow[] = [];
  private readonly window: Windowed;
  private sort: { key: Key; down: boolean } | undefined;
  private filter = "";
  private selected: string | undefined;

  constructor(private readonly rows: LayerRow[], private readonly onSelect: (id: string) => void) {
    const head = el("tr");
    for (const { key, title, number } of COLUMNS) {
      const button = el("button", {}, title), cell = el("th", { class: number ? "number" : "", "aria-sort": "none" }, button);
      button.addEventListener("click", () => {
        this.sort = this.sort?.key === key ? (this.sort.down ? { key, down: false } : undefined) : { key, down: true };
        for (const other of head.children) other.setAttribute("aria-sort", "none");
        cell.setAttribute("aria-sort", this.sort ? (this.sort.down ? "descending" : "ascending") : "none");
        this.fill();
      });
      head.append(cell);
    }
    this.element.append(el("table", {}, el("thead", {}, head), this.body));
    keepInSight(this.element, () => this.body.querySelector("[aria-selected=true]"));
    this.window = new Windowed(this.element, { row: ROW, render: (first, last) => this.render(first, last) });
    this.body.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (!step) return;
      const next = this.listed[this.listed.findIndex(({ name }) => name === this.selected) + step];
      if (next) { this.onSelect(next.name); this.body.querySelector<HTMLElement>("[aria-selected=true]")?.focus(); }
      event.preventDefault();
    });
    this.fill();
  }

  search(text: string): number {
    this.filter = text.trim().toLowerCase();
    return this.fill();
  }

  /** For a spreadsheet: what is listed, in its order, or all layers. */
  tsv(rows: readonly LayerRow[] = this.listed): string {
    const head = ["layer", "operator", "weight", "stored as", "arithmetic", "weights", "bits per weight", "bytes", "MACs", "SQNR dB", "tensor"], plain = (value: string | number | undefined): string => String(value ?? "").replace(/[\t\r\n]+/g, " ");
    return [head, ...rows.map((row) => [row.label, row.op, row.shape.join("×"), storedAs(row), isOnIntegers(row) ? "integers" : "floats", row.parameters, row.bitsPerWeight, row.bytes, row.macs, row.sqnrDb, row.name])].map((cells) => `${cells.map(plain).join("\t")}\n`).join("");
  }

  select(id: string | undefined): void {
    this.selected = id;
    this.window.show(this.listed.findIndex(({ name }) => name === id));
    for (const row of this.body.children) {
      const chosen = row instanceof HTMLElement && row.dataset.id === id;
      this.mark(row, chosen);
      if (chosen) row.scrollIntoView({ block: "nearest" });
    }
  }

  private mark(row: Element, chosen: boolean): void {
    row.setAttribute("aria-selected", String(chosen));
    if (row instanceof HTMLElement) row.tabIndex = chosen ? 0 : -1;
  }

  private fill(): number {
    let rows = this.rows.filter((row) => [row.label, row.name, row.op, row.shape.join("×"), storedAs(row)].some((s) => s.toLowerCase().includes(this.filter)));
    if (this.sort) {
      const { key, down } = this.sort, value = (row: LayerRow): string | number => (key === "shape" ? row.parameters : key === "method" ? storedAs(row) : row[key]);
      rows = [...rows].sort((a, b) => { const [x, y] = [value(a), value(b)]; return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
    }
    this.listed = rows;
    this.window.count = rows.length;
    this.select(this.selected);
    return rows.length;
  }

  private render(first: number, last: number): void {
    const most = this.rows.reduce((max, { bytes }) => Math.max(max, bytes), 1), widest = this.rows.reduce((max, { bitsPerWeight }) => Math.max(max, bitsPerWeight), 1), space = (rows: number) => (rows > 0 ? [Object.assign(el("tr", { "aria-hidden": "true" }), { style: `height:${rows * ROW}px` })] : []);
    this.body.replaceChildren(...space(first), ...this.listed.slice(first, last).map((row) => {
      const bar = (share: number) => el("span", { class: "bar" }, Object.assign(el("span"), { style: `width:${Math.max(1, 100 * share)}%` }));
      const element = el("tr", { "data-id": row.name, title: row.skipped ?? row.name, tabindex: -1 },
        el("td", {}, row.label), el("td", {}, row.op), el("td", {}, format.shape(row.shape)), el("td", {}, storedAs(row), ...(row.staysFloat ? [" ", floatMark()] : [])), el("td", { class: "number" }, format.whole(row.parameters)),
        el("td", { class: "number", title: countedIn(row) }, format.bits(row.bitsPerWeight), bar(row.bitsPerWeight / widest)), el("td", { class: "number" }, format.bytes(row.bytes), bar(row.bytes / most)));
      offerMenu(element, row.name);
      element.addEventListener("click", () => this.onSelect(row.name));
      element.addEventListener("contextmenu", () => this.onSelect(row.name));
      this.mark(element, row.name === this.selected);
      return element;
    }), ...space(this.listed.length - last));
  }
}
