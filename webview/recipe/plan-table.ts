import type { PlanChoice, PlanLayer, PlanPoint } from "../../src/protocol/plan";
import type { LayerSetting } from "../../src/protocol/recipe-page";
import { el, icon, keepInSight } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { floatMark } from "../layers/stored";
import { offerMenu } from "../menu";
import { nameWidths, namesWithin, shortNames } from "../names";
import { choiceParts } from "./choice-text";
import type { IntegerFacts } from "./integer-facts";
import { warningSign } from "./integers";
import { pinOf, type Plans } from "./plans";
import { bitsHover, sizeHover, stepHover, stepTexts } from "./step-text";
import { refreshWhy, whyOf, type WhyActions } from "./why";

export type Order = "depth" | "size" | "bits" | "sensitivity";

export interface TableActions {
  select(layer: string): void;
  /** Keeps the layer as it is now, or lets it go. */
  togglePin(layer: string): void;
  /** All that the layer can become, under this element. */
  choose(layer: string, under: HTMLElement): void;
  step(layer: string, choice: number): void;
  why(layer: string): Omit<WhyActions, "step">;
}

/** Figures under the table; the sixth is a note over what is left of the row. */
const cells = (texts: readonly string[]): HTMLElement[] => texts.map((text, i) => el("span", { class: `plan-cell plan-c${i === 6 ? "note" : i}`, role: "gridcell", title: i === 4 && text ? t("bits per convolution weight") : undefined }, text));

/** What a user may ask of figures in a column. */
const hoverOf = (column: number): string | undefined => (column === 4 ? bitsHover() : column === 5 ? sizeHover() : column > 6 ? stepHover() : undefined);

interface Row { element: HTMLElement; name: HTMLElement; marks: HTMLElement; pin: HTMLElement; method: HTMLElement; bits: HTMLElement; bitsBar: HTMLElement; size: HTMLElement; down: HTMLElement[]; up: HTMLElement[] }

/** Every layer with what it becomes, what that takes, and what one step down or up would save and cost. */
export class PlanTable {
  readonly element = el("div", { class: "plan-table", role: "grid", "aria-label": t("Layers") });
  private readonly body = el("div", { class: "plan-body", role: "rowgroup" });
  private readonly rest = el("div", { class: "plan-row plan-rest", role: "row" });
  private readonly total = el("div", { class: "plan-row plan-total", role: "row" });
  private readonly rows = new Map<string, Row>();
  private plans: Plans | undefined;
  private point: PlanPoint | undefined;
  private settings: Record<string, LayerSetting> = {};
  private integers: ReadonlyMap<string, IntegerFacts> = new Map();
  private order: Order = "depth";
  private filter = "";
  private selected: string | undefined;
  private typed = { text: "", at: 0 };
  private readonly nameHead: Element;
  private readonly width = nameWidths();

  constructor(private readonly actions: TableActions) {
    const head = el("div", { class: "plan-row plan-head", role: "row" }, ...["", t("Layer"), t("Weight"), t("Method"), t("Bits per weight"), t("Size"), t("Sensitivity"), t("Step down"), t("Step up")].map((name, i) => el("span", { class: `plan-cell plan-c${i}`, role: "columnheader", title: hoverOf(i) }, ...(i === 4 ? [el("span", { class: "plan-long" }, name), el("span", { class: "plan-brief" }, t("Bits"))] : [name || el("span", { class: "unseen" }, t("Pin"))]))));
    const scroll = el("div", { class: "plan-scroll" }, head, this.body);
    this.nameHead = head.children[1];
    this.element.append(scroll, this.rest, this.total);
    keepInSight(scroll, () => this.body.querySelector("[aria-selected=true]"));
    this.body.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.fit()).observe(this.element); // nothing of it can be measured while it is out of sight
  }

  show(plans: Plans, point: PlanPoint, settings: Record<string, LayerSetting>): void {
    const rowsOf = (some: Plans | undefined): string | undefined => some?.facts.layers.map(({ id, shape, sensitivity }) => [id, ...shape, sensitivity].join()).join(), others = rowsOf(this.plans) !== rowsOf(plans);
    this.plans = plans;
    this.settings = settings;
    if (others) this.build();
    this.update(point);
    this.arrange();
    this.fit();
  }

  /** Follows the slider. */
  update(point: PlanPoint): void {
    const { plans } = this;
    if (!plans) return;
    this.point = point;
    const { layers } = plans.facts, bytes = plans.layerBytes(point), bits = plans.layerBits(point), widest = Math.max(1, ...bits.map((b) => Math.min(10, b)));
    layers.forEach((layer, i) => this.fill(layer, i, { choice: layer.choices[point.choices[i]], bytes: bytes[i], bits: bits[i] }, widest));
    this.rest.replaceChildren(...cells(["", t("Graph and all else"), "", "", "", format.bytes(Math.max(0, point.bytes - bytes.reduce((sum, b) => sum + b, 0)))]));
    this.total.replaceChildren(...cells(["", plans.triesFewer(point) ? t("Plan") : t("File"), format.whole(plans.parameters), "", format.hundredths(point.bits), format.bytes(point.bytes), plans.facts.prediction.of === "agreement" ? t("steps: size, then points of agreement") : t("steps: size, then dB")]));
    this.fit();
    this.explain();
  }

  /** What the widest name and method take: columns have it where there is room; names that have less are cut so that they stay different. */
  private fit(): void {
    const rows = [...this.rows.values()], labels = this.plans?.facts.layers.map(({ label }) => label) ?? [], { width } = this;
    const chips = Math.max(0, ...rows.map(({ method: { children } }) => [...children].reduce((sum, { scrollWidth }) => sum + scrollWidth, 0)));
    if (!chips || rows.length !== labels.length) return; // out of sight
    const marks = rows.map((row) => row.marks.offsetWidth + 4), widest = (names: readonly string[]): number => Math.max(...names.map((name, i) => width(name) + marks[i]));
    for (const [name, wide] of [["--names", widest(labels)], ["--short", widest(shortNames(labels))], ["--chips", chips + 4]] as const) this.element.style.setProperty(name, `${wide}px`); // chips with their border, and what rounding has left out
    const room = this.nameHead.clientWidth, shown = namesWithin(labels, (at) => room - marks[at], width);
    rows.forEach(({ name }, i) => {
      if (name.dataset.shown === shown[i]) return;
      name.dataset.shown = shown[i];
      if (shown[i] === labels[i]) name.replaceChildren(labels[i]);
      else name.replaceChildren(el("span", { "aria-hidden": "true" }, shown[i]), el("span", { class: "unseen" }, labels[i]));
    });
  }

  /** What layers cost as integers stands beside their names. */
  showIntegers(integers: ReadonlyMap<string, IntegerFacts>): void {
    this.integers = integers;
    for (const [id, { marks }] of this.rows) {
      const { floats, reason, warnings = [] } = integers.get(id) ?? {};
      marks.replaceChildren(...warnings.map((text) => warningSign(text)), ...(floats ? [floatMark(reason ?? t("Computed with floats"))] : []));
    }
    this.fit();
    this.explain();
  }

  /** @param reveal scrolls to it: somebody has just chosen it */
  select(layer: string | undefined, reveal = false): void {
    this.selected = layer;
    for (const [id, { element }] of this.rows) {
      element.setAttribute("aria-selected", String(id === layer));
      element.tabIndex = id === layer ? 0 : -1;
    }
    this.explain();
    if (reveal && layer !== undefined) this.rows.get(layer)?.element.scrollIntoView({ block: "nearest" });
  }

  sort(order: Order): void { this.order = order; this.arrange(); }

  search(text: string): void { this.filter = text.trim().toLowerCase(); this.arrange(); }

  private build(): void {
    this.rows.clear();
    for (const layer of this.plans?.facts.layers ?? []) {
      const cell = (i: number, name: string, ...children: Node[]) => el("span", { class: `plan-cell plan-c${i} ${name}`, role: "gridcell", title: hoverOf(i) }, ...children);
      const pin = el("button", { class: "plan-pin", tabindex: -1 }), method = el("button", { class: "plan-method", tabindex: -1 }), bits = el("span", { class: "number" }), bitsBar = el("span"), size = el("span", {}), marks = el("span", { class: "plan-marks" }), pair = () => [el("span", { class: "plan-bytes" }), el("span", { class: "plan-points" })];
      const down = pair(), up = pair(), worst = Math.max(1e-12, ...(this.plans?.facts.layers ?? []).map(({ sensitivity }) => sensitivity ?? 0)), share = Math.sqrt((layer.sensitivity ?? 0) / worst);
      const sensitivity = el("span", { class: "plan-bar plan-sensitivity", title: layer.sensitivity === undefined ? t("Not measured without images") : t("Measured: what an eighth of noise in this layer does, beside the other layers") }, Object.assign(el("span"), { style: `width:${100 * share}%` }));
      const name = el("bdi", {}, layer.label), element = el("div", { class: "plan-row", role: "row", "data-id": layer.id, tabindex: -1 },
        cell(0, "", pin), cell(1, "plan-name", el("span", { class: "tail", title: `${layer.id}\n${format.shape(layer.shape)}` }, name), marks), cell(2, "", document.createTextNode(format.shape(layer.shape))), cell(3, "", method),
        cell(4, "plan-bits", bits, el("span", { class: "plan-bar" }, bitsBar)), cell(5, "number", size), cell(6, "", ...(layer.sensitivity === undefined ? [document.createTextNode("–")] : [sensitivity])), cell(7, "plan-step", ...down), cell(8, "plan-step", ...up));
      element.addEventListener("click", () => this.actions.select(layer.id));
      element.addEventListener("contextmenu", () => this.actions.select(layer.id));
      offerMenu(element, layer.id);
      pin.addEventListener("click", (event) => { event.stopPropagation(); this.actions.select(layer.id); this.actions.togglePin(layer.id); });
      method.addEventListener("click", (event) => { event.stopPropagation(); this.actions.select(layer.id); this.actions.choose(layer.id, method); });
      for (const [cells, by] of [[down, -1], [up, 1]] as const) cells[0].parentElement?.addEventListener("dblclick", () => this.step(layer.id, by));
      this.rows.set(layer.id, { element, name, marks, pin, method, bits, bitsBar, size, down, up });
    }
  }

  /** One step less or more for a layer, which is kept at it. */
  private step(layer: string, by: 1 | -1): void {
    const { plans, point } = this, at = plans?.facts.layers.findIndex(({ id }) => id === layer) ?? -1, step = plans && point && at >= 0 ? plans.step(point, at, by) : undefined;
    if (step) this.actions.step(layer, step.choice);
  }

  private fill(layer: PlanLayer, at: number, { choice, bytes, bits }: { choice: PlanChoice; bytes: number; bits: number }, widest: number): void {
    const { plans, point } = this, row = this.rows.get(layer.id);
    if (!plans || !point || !row) return;
    const pinned = pinOf(this.settingOf(layer));
    row.pin.replaceChildren(...(layer.blocked === undefined ? [icon(pinned ? "pinned" : "pin")] : []));
    row.pin.classList.toggle("on", pinned !== undefined);
    row.pin.title = pinned ? t("{0}. Press to let it go.", pinned) : t("Keep as it is, whatever the target");
    row.pin.setAttribute("aria-label", row.pin.title);
    row.pin.toggleAttribute("disabled", layer.blocked !== undefined);
    const [kind, ...settings] = choice.method === undefined ? [t("left"), layer.blocked === undefined ? t("as it is") : t("as it has to be")] : choiceParts(choice);
    row.method.replaceChildren(el("b", {}, kind), el("span", {}, settings.join(" · ")));
    row.method.setAttribute("aria-label", t("Method of {0}: {1}", layer.label, [kind, ...settings].join(" · ")));
    row.method.toggleAttribute("disabled", layer.blocked !== undefined);
    row.method.title = layer.blocked ?? choice.title ?? "";
    row.bits.textContent = format.hundredths(bits);
    row.bitsBar.style.width = `${Math.max(1, 100 * Math.min(1, bits / widest))}%`;
    row.size.textContent = format.bytes(bytes);
    for (const [cells, by] of [[row.down, -1], [row.up, 1]] as const) {
      const step = layer.blocked === undefined ? plans.step(point, at, by) : undefined;
      const [size, quality] = step ? stepTexts(plans, step) : ["–", ""];
      cells[0].textContent = size;
      cells[1].textContent = quality;
    }
  }

  /** Puts rows in order, without what the filter leaves out, and the reason under the selected one. */
  private arrange(): void {
    const { plans, point, filter, order } = this;
    if (!plans || !point) return;
    const { layers } = plans.facts, chosen = (layer: PlanLayer): PlanChoice => layer.choices[point.choices[layers.indexOf(layer)]];
    const value: Record<Order, (layer: PlanLayer) => number> = { depth: () => 0, size: (layer) => chosen(layer).bytes, bits: (layer) => chosen(layer).bits, sensitivity: ({ sensitivity }) => sensitivity ?? 0 };
    const seen = layers.filter((layer) => [layer.label, layer.id, layer.op, layer.shape.join("×"), choiceParts(chosen(layer)).join(" · ")].some((text) => text.toLowerCase().includes(filter))).sort((a, b) => value[order](b) - value[order](a));
    const focused = document.activeElement;
    this.body.replaceChildren(...seen.flatMap(({ id }) => this.rows.get(id)?.element ?? []));
    if (focused instanceof HTMLElement && this.body.contains(focused)) focused.focus();
    this.select(this.selected);
  }

  /** Why the selected layer is as it is, under its row. */
  private explain(): void {
    const { plans, point, selected } = this, row = selected === undefined ? undefined : this.rows.get(selected)?.element, at = plans?.facts.layers.findIndex(({ id }) => id === selected) ?? -1;
    const old = this.body.querySelector<HTMLElement>(":scope > .why");
    if (!plans || !point || selected === undefined || !row?.parentElement || at < 0) { old?.remove(); return; }
    const setting = this.settingOf(plans.facts.layers[at]), integers = this.integers.get(selected), key = JSON.stringify([selected, setting, point.choices[at], integers?.floats, integers?.alone, integers?.warnings]);
    if (old?.dataset.key === key && old.previousElementSibling === row) { refreshWhy(old, plans, point, at, setting, this.actions.why(selected).limit); return; }
    old?.remove();
    const why = whyOf(plans, point, at, setting, integers, { ...this.actions.why(selected), step: (by) => this.step(selected, by) });
    why.dataset.key = key;
    row.after(why);
  }

  private settingOf({ id, label }: PlanLayer): LayerSetting | undefined { return this.settings[id] ?? this.settings[label]; }

  private key(event: KeyboardEvent): void {
    const rows = [...this.body.querySelectorAll<HTMLElement>(":scope > .plan-row")], at = rows.findIndex(({ dataset }) => dataset.id === this.selected), { key, target } = event;
    if (!(target instanceof HTMLElement) || !target.matches(".plan-row")) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[key];
    if (to !== undefined) {
      const id = rows[Math.max(0, Math.min(rows.length - 1, to))]?.dataset.id;
      if (id !== undefined) { this.actions.select(id); this.rows.get(id)?.element.focus(); }
    } else if (key === " " && this.selected !== undefined) this.actions.togglePin(this.selected);
    else if (key === "Enter" && !event.ctrlKey && !event.metaKey && this.selected !== undefined) this.actions.choose(this.selected, this.rows.get(this.selected)!.method);
    else if (key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) { this.type(key); }
    else return;
    event.preventDefault();
  }

  /** Typing goes to the next layer whose name has what was typed. */
  private type(key: string): void {
    const now = performance.now();
    this.typed = { text: now - this.typed.at < 1000 ? this.typed.text + key.toLowerCase() : key.toLowerCase(), at: now };
    const found = this.plans?.facts.layers.find(({ label }) => label.toLowerCase().includes(this.typed.text));
    if (found) { this.actions.select(found.id); this.rows.get(found.id)?.element.focus(); }
  }
}
