import type { LayerRow } from "../../src/protocol/api";
import { Canvas } from "../charts/canvas";
import { faded, theme, type Theme } from "../charts/colours";
import type { Measure } from "../charts/measures";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** Bars do not become thicker than this, nor are gaps drawn between bars thinner than that. */
const THICKEST = 29, THINNEST_WITH_GAP = 5, BRACKET = 12;
/** More options than these are not kept in the page; then so many to either side of the selected one are. */
const MOST_OPTIONS = 2000, AROUND = 30;

/** All layers, one bar each, in the order of the file: a column beside the graph, a line above it in a narrow editor. */
export class Strip {
  readonly element = el("div", { class: "strip" });
  private readonly head = el("span", { class: "strip-head" }, t("All layers"));
  private readonly foot = el("div", { class: "strip-foot" });
  private readonly twin = el("div", { class: "strip-twin", role: "listbox", tabindex: 0, "aria-label": t("All layers") });
  private readonly canvas: Canvas;
  private selected: string | undefined;
  /** The first and the last layer that the graph shows. */
  private sight: [first: number, last: number] = [Infinity, -1];
  private readonly places: ReadonlyMap<string, number>;
  private barsOf: { measure: Measure; colours: Theme; count: number; bars: Map<number, { share: number; colour: string } | undefined> } | undefined;

  constructor(private readonly rows: readonly LayerRow[], private measure: Measure, choose: (layer: string) => void) {
    this.places = new Map(rows.map(({ name }, i) => [name, i]));
    const stage = el("div", { class: "strip-stage" });
    stage.append(this.twin);
    stage.style.setProperty("--tallest", `${rows.length * THICKEST}px`); // the axis follows the last bar
    this.element.append(this.head, stage, this.foot);
    this.canvas = new Canvas(stage, (context, width, height) => this.draw(context, width, height));
    this.twin.addEventListener("pointerdown", (event) => {
      const at = this.layerAt(event.offsetX, event.offsetY);
      if (at) choose(at.name);
    });
    this.twin.addEventListener("pointermove", (event) => {
      const at = this.layerAt(event.offsetX, event.offsetY), value = at && this.measure.value(at);
      this.twin.title = at ? `${at.label}: ${value === undefined ? "–" : this.measure.text(value)}, ${format.bytes(at.bytes)}` : "";
    });
    this.twin.addEventListener("keydown", (event) => {
      const at = rows.findIndex(({ name }) => name === this.selected), last = rows.length - 1;
      const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
      if (to === undefined || event.altKey) return;
      const row = rows[Math.max(0, Math.min(last, to))];
      if (row) choose(row.name);
      event.preventDefault();
    });
    this.colour(measure);
  }

  colour(measure: Measure): void {
    this.measure = measure;
    const { most, text, unit } = measure;
    this.list();
    this.foot.replaceChildren(
      el("span", { class: "strip-ends" }, el("span", {}, "0"), el("span", {}, text(most))), el("span", { class: "strip-unit" }, unit),
      el("span", { class: "strip-first" }, this.rows[0]?.label ?? ""), el("span", { class: "strip-all" }, t("{0}, all {1} layers, up to {2}", measure.title, this.rows.length, text(most))), el("span", { class: "strip-last" }, this.rows[this.rows.length - 1]?.label ?? ""));
    this.canvas.redraw();
  }

  select(layer: string | undefined): void {
    this.selected = layer;
    const at = this.rows.findIndex(({ name }) => name === layer);
    if (this.rows.length > MOST_OPTIONS) this.list();
    for (const option of this.twin.querySelectorAll("[aria-selected=true]")) option.setAttribute("aria-selected", "false");
    this.twin.querySelector(`#strip-${at}`)?.setAttribute("aria-selected", "true");
    if (at >= 0) this.twin.setAttribute("aria-activedescendant", `strip-${at}`);
    else this.twin.removeAttribute("aria-activedescendant");
    this.canvas.redraw();
  }

  /** What screen readers are told: all layers, of very many those around the selected one. */
  private list(): void {
    const { rows, measure } = this, at = Math.max(0, rows.findIndex(({ name }) => name === this.selected));
    const first = rows.length > MOST_OPTIONS ? Math.max(0, at - AROUND) : 0, last = rows.length > MOST_OPTIONS ? at + AROUND : rows.length;
    this.twin.replaceChildren(...rows.slice(first, last).map((row, i) => {
      const value = measure.value(row);
      return el("div", { role: "option", id: `strip-${first + i}`, "aria-selected": String(row.name === this.selected), "aria-posinset": String(first + i + 1), "aria-setsize": String(rows.length) }, `${row.label}, ${value === undefined ? "–" : measure.text(value)} ${measure.unit}`);
    }));
  }

  /** Marks the layers that the graph shows now. */
  see(layers: ReadonlySet<string>): void {
    const [first, last] = this.sight;
    this.sight = [Infinity, -1];
    for (const layer of layers) {
      const at = this.places.get(layer);
      if (at !== undefined) this.sight = [Math.min(this.sight[0], at), Math.max(this.sight[1], at)];
    }
    if (this.sight[0] !== first || this.sight[1] !== last) this.canvas.redraw();
  }

  /** Whether the strip lies down, and how long one layer is along it. */
  private geometry(width: number, height: number): { lies: boolean; step: number; start: number } {
    const lies = width > height, long = lies ? width : height, step = Math.min(lies ? long : THICKEST, long / Math.max(1, this.rows.length));
    return { lies, step, start: lies ? 0 : BRACKET };
  }

  private layerAt(x: number, y: number): LayerRow | undefined {
    const { lies, step } = this.geometry(this.canvas.width, this.canvas.height);
    return this.rows[Math.floor((lies ? x : y) / step)];
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { lies, step, start } = this.geometry(width, height), colours = theme(), across = (lies ? height : width - start) - 4, gap = step >= THINNEST_WITH_GAP ? Math.min(2, step * 0.15) : 0;
    // of layers on one pixel the longest bar is seen
    const each = Math.max(1, Math.floor(1 / step)), bold = each * step - gap, ground = faded(0.06);
    const rect = (i: number, length: number): [number, number, number, number] => (lies ? [i * step, height - 2 - length, bold, length] : [start + 2, i * step, length, bold]);
    for (let i = 0; i < this.rows.length; i += each) {
      const bar = this.barOf(i, each);
      context.fillStyle = ground;
      if (!colours.highContrast && !lies) context.fillRect(...rect(i, across));
      if (!bar) continue;
      context.fillStyle = bar.colour;
      context.fillRect(...rect(i, Math.max(1, bar.share * across)));
    }
    if (lies) { context.fillStyle = colours.secondary; context.fillRect(0, height - 2, width, 1); }
    this.bracket(context, step, lies, height);
    const at = this.rows.findIndex(({ name }) => name === this.selected);
    if (at < 0) return;
    const thick = Math.max(step, 8), middle = at * step + (step - gap) / 2;
    context.strokeStyle = colours.focus;
    context.lineWidth = 2;
    if (lies) context.strokeRect(Math.max(1, middle - thick / 2 - 1), 1, thick + 1, height - 3);
    else context.strokeRect(start - 1, Math.max(1, middle - thick / 2 - 1), width - start, thick + 1);
  }

  /** The longest bar of some neighbours; worked out once for a measure and a theme. */
  private barOf(first: number, count: number): { share: number; colour: string } | undefined {
    const { measure, rows } = this, colours = theme();
    if (this.barsOf?.measure !== measure || this.barsOf.colours !== colours || this.barsOf.count !== count) this.barsOf = { measure, colours, count, bars: new Map() };
    const { bars } = this.barsOf;
    if (bars.has(first)) return bars.get(first);
    let longest: LayerRow | undefined, share = -1;
    for (const row of rows.slice(first, first + count)) {
      const value = measure.value(row);
      if (value !== undefined && measure.share(value) > share) { share = measure.share(value); longest = row; }
    }
    const bar = longest && { share, colour: colours.highContrast && !measure.kinds ? colours.amount : measure.colour([longest]) ?? colours.amount };
    bars.set(first, bar);
    return bar;
  }

  /** A bracket along what the graph shows. */
  private bracket(context: CanvasRenderingContext2D, step: number, lies: boolean, height: number): void {
    const [first, last] = this.sight;
    if (last < 0 || lies) return;
    const from = first * step + 0.5, to = Math.min(height - 0.5, (last + 1) * step - 0.5);
    context.strokeStyle = theme().secondary;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(5, from);
    context.lineTo(0.5, from);
    context.lineTo(0.5, to);
    context.lineTo(5, to);
    context.stroke();
  }
}
