import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Windowed } from "../windowed";
import { isBorder, isPill, itemsOf, type Item, type Scene } from "./scene";
import { bytesOf, rowCaption, spoken } from "./words";

/** Row height, column of the outermost nodes, and how far in each level lies. */
const ROW = 24, FIRST = 24, INDENT = 20, LANE = 5;

export interface TreeLook {
  total: number;
  /** Length and colour of an item's bar. */
  bar(item: Item): { share: number; colour?: string } | undefined;
}

/** The graph as a tree: what keyboard and screen reader use, and, in a narrow editor, what is seen: one row a node beside a rail with skip arcs. */
export class GraphTree {
  readonly element = el("div", { class: "spine", role: "tree", tabindex: 0, "aria-label": t("Layer graph") });
  private rows = new Map<string, HTMLElement>();
  private items: Item[] = [];
  private at = new Map<string, number>();
  private places = new Map<Item, [place: number, of: number]>();
  /** Rows that edges lead between. */
  private lines: [from: number, to: number][] = [];
  private look: TreeLook = { total: 0, bar: () => undefined };
  private readonly window: Windowed;
  private selected: string | undefined;
  private hits: ReadonlySet<string> = new Set();

  constructor(actions: { choose(item: Item): void; toggle(item: Item): void; enter(item: Item): void }) {
    this.window = new Windowed(this.element, { row: ROW, render: (first, last) => this.render(first, last) });
    this.element.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-key]") : null, item = this.itemAt(row?.dataset.key);
      if (!item || !row) return;
      if (item.group && event.clientX - row.getBoundingClientRect().left < FIRST + INDENT * item.level) actions.toggle(item);
      else actions.choose(item);
    });
    this.element.addEventListener("dblclick", (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-key]") : null, item = this.itemAt(row?.dataset.key);
      if (item) actions.enter(item);
    });
  }

  update(scene: Scene, look: TreeLook): void {
    this.items = itemsOf(scene);
    this.at = new Map(this.items.map(({ key }, i) => [key, i]));
    this.look = look;
    this.places.clear();
    const count = ({ items }: Scene): void => items.forEach((item, i) => { this.places.set(item, [i + 1, items.length]); if (item.inside) count(item.inside); });
    count(scene);
    this.lines = this.linesOf(scene);
    this.window.count = this.items.length;
    this.mark();
  }

  private itemAt(key: string | undefined): Item | undefined { return key === undefined ? undefined : this.items[this.at.get(key) ?? -1]; }

  private render(first: number, last: number): void {
    const { look, items } = this, space = (rows: number) => (rows > 0 ? [Object.assign(el("div", { "aria-hidden": "true" }), { style: `height:${rows * ROW}px` })] : []);
    this.rows = new Map(items.slice(first, last).map((item) => {
      const [place, of] = this.places.get(item)!, bytes = bytesOf(item), bar = look.bar(item), { node } = item;
      const row = el("div", { class: this.hits.has(item.key) ? "spine-row hit" : "spine-row", role: "treeitem", id: `item-${item.key}`, "data-key": item.key, "aria-selected": String(item.key === this.selected), "aria-level": String(item.level), "aria-posinset": String(place), "aria-setsize": String(of), "aria-expanded": item.group ? String(item.inside !== undefined) : undefined, "aria-label": spoken(item, look.total, place, of), title: item.group?.title ?? node?.label },
        el("span", { class: "spine-name" }, !isPill(item) || isBorder(item) ? item.title : node?.op), el("span", { class: "spine-caption" }, rowCaption(item)),
        el("span", { class: "spine-size" }, bytes ? format.bytes(bytes) : isBorder(item) && node?.shape ? format.caption(node.shape) : ""),
        el("span", { class: "spine-bar" }, bar && Object.assign(el("span"), { style: `width:${Math.max(1, 100 * bar.share)}%;${bar.colour ? `background:${bar.colour}` : ""}` })));
      row.style.setProperty("--indent", `${INDENT * (item.level - 1)}px`);
      return [item.key, row] as const;
    }));
    this.element.replaceChildren(this.rail(first, last), ...space(first), ...this.rows.values(), ...space(items.length - last));
  }

  select(key: string | undefined): void {
    this.selected = key;
    this.mark();
  }

  /** Marks the rows that show hits of a search. */
  found(hits: ReadonlySet<string>): void {
    this.hits = hits;
    for (const [key, row] of this.rows) row.classList.toggle("hit", hits.has(key));
  }

  private mark(): void {
    this.window.show(this.selected === undefined ? -1 : this.at.get(this.selected) ?? -1);
    for (const row of this.element.querySelectorAll("[aria-selected=true]")) row.setAttribute("aria-selected", "false");
    this.rows.get(this.selected ?? "")?.setAttribute("aria-selected", "true");
    const row = this.selected === undefined ? undefined : this.rows.get(this.selected);
    if (row) {
      this.element.setAttribute("aria-activedescendant", row.id);
      if (this.element.clientHeight < this.element.scrollHeight) row.scrollIntoView({ block: "nearest" });
    } else this.element.removeAttribute("aria-activedescendant");
    for (const mark of this.element.querySelectorAll("[data-mark]")) mark.classList.toggle("chosen", mark.getAttribute("data-mark") === this.selected);
  }

  /** Which rows lines lead between. */
  private linesOf(scene: Scene): [number, number][] {
    const at = new Map(this.items.map((item, i) => [item, i])), lines: [number, number][] = [];
    const lastInside = (item: Item): Item => { const inner = item.inside?.items; return inner?.length ? lastInside(inner[inner.length - 1]) : item; };
    const trace = ({ items, lines: inside, input }: Scene, around: number | undefined): void => {
      for (const { from, to } of inside) {
        const start = from === input.entry ? around : at.get(lastInside(items[from])), end = to === input.exit ? undefined : at.get(items[to]);
        if (start !== undefined && end !== undefined) lines.push([start, end]);
      }
      for (const item of items) if (item.inside) trace(item.inside, at.get(item));
    };
    trace(scene, undefined);
    return lines;
  }

  /** Marks for the nodes, lines between neighbours, arcs for edges that pass rows; of the rows from `first` to `last`. */
  private rail(first: number, last: number): SVGElement {
    const levels = this.items.reduce((most, { level }) => Math.max(most, level), 1), rail = svg("svg", { class: "spine-rail", "aria-hidden": "true", width: FIRST + 14 + INDENT * levels, height: ROW * this.items.length });
    const x = (i: number) => FIRST + INDENT * (this.items[i].level - 1), y = (i: number) => ROW * i + ROW / 2;
    for (const [a, b] of this.lines) {
      if (Math.max(a, b) < first || Math.min(a, b) >= last) continue;
      const [x0, y0, x1, y1] = [x(a), y(a), x(b), y(b)];
      if (b === a + 1) rail.append(svg("path", { class: "rail-line", d: x0 === x1 ? `M${x0} ${y0}V${y1}` : `M${x0} ${y0}C${x0} ${y0 + 16} ${x1} ${y1 - 16} ${x1} ${y1}` }));
      else {
        const column = Math.max(4, Math.min(x0, x1) - (x0 < x1 ? 0 : 2 * LANE)), bend = Math.min(8, x1 - column);
        rail.append(svg("path", { class: "rail-arc", d: `M${x0} ${y0}C${x0} ${y0 + 6} ${column} ${y0 + 4} ${column} ${y0 + 12}V${y1 - bend}Q${column} ${y1} ${column + bend} ${y1}H${x1}` }));
      }
    }
    this.items.slice(first, last).forEach((item, i) => {
      const mark = svg("g", { "data-mark": item.key, ...(item.key === this.selected && { class: "chosen" }) }), [cx, cy] = [x(first + i), y(first + i)];
      if (item.group) mark.append(svg("rect", { x: cx - 6, y: cy - 6, width: 12, height: 12, rx: 1 }), svg("path", { d: `M${cx - 3} ${cy}H${cx + 3}${item.inside ? "" : `M${cx} ${cy - 3}V${cy + 3}`}` }));
      else mark.append(svg("circle", { cx, cy, r: isBorder(item) ? 3 : 4 }));
      rail.append(mark);
    });
    return rail;
  }
}
