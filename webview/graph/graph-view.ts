import type { GraphFacts, LayerRow } from "../../src/protocol/api";
import type { PictureSize } from "../../src/protocol/page";
import { Canvas } from "../charts/canvas";
import { onLookChange, theme, type Theme } from "../charts/colours";
import type { Measure } from "../charts/measures";
import { iconButton } from "../controls";
import { el, reducedMotion } from "../dom";
import { t } from "../l10n";
import { Arranger } from "./arranger";
import { between as waysBetween, type Between } from "./between";
import { Camera, type View } from "./camera";
import { isGroup, type Member } from "./groups";
import { Legend } from "./legend";
import { FRAME_HEAD } from "./nested";
import type { Pen } from "./drawing";
import { AROUND, pngOf, scaleOf, sizeOf, svgOf, type Piece } from "./export";
import { bracketOf, paint, type Look } from "./paint";
import { itemsOf, layersOf, pathTo, placed, sceneOf, type Drawn, type Item, type Placed, type Scene } from "./scene";
import { offerNodeMenu } from "../menu";
import { GraphTree } from "./tree";
import { bytesOf, wordsOf } from "./words";
import { waysOf, type Ways } from "./walk";

export interface GraphState { view?: View; open: string[] }

export interface GraphActions {
  /** Somebody chose a node or a group, by its key. */
  choose(key: string): void;
  /** Enter or a double click on a layer. */
  openLayer(layer: string): void;
  /** Enter or a double click on a node with a graph inside. */
  enter(body: string): void;
  /** Backspace: out of a graph inside a node; back in the main one. */
  leave(): void;
  back(): void;
  forward(): void;
  changed(state: GraphState): void;
  /** The layers that are in sight now. */
  sight(layers: ReadonlySet<string>): void;
}

/** More items than these jump to their places. */
const TRAIL_HEIGHT = 48, UNFOLDING_MS = 160, MOST_MOVING = 2000, NOTHING: ReadonlySet<string> = new Set();

/** The layer graph on a canvas, with a tree as its twin for the keyboard and screen readers. */
export class GraphView {
  readonly element = el("div", { class: "graph" });
  private readonly stage = el("div", { class: "graph-stage" });
  private readonly canvas: Canvas;
  private readonly camera: Camera;
  private readonly tree: GraphTree;
  private readonly arranger = new Arranger();
  private readonly legend = new Legend();
  private readonly rowOf: Map<string, LayerRow>;
  private readonly nodeOf = new Map<string, number>();
  private readonly open: Set<string>;
  /** Groups that are unfolded only because the selection is inside. */
  private peek = new Set<string>();
  private scene: Scene;
  /** The theme that legend and tree are in. */
  private worn = theme();
  /** Where arrow keys lead, once one is pressed. */
  private ways: Ways | undefined;
  private drawn: Drawn | undefined;
  private before: { byKey: Map<string, Placed>; start: number } | undefined;
  private selected: string | undefined;
  private hits = new Set<number>();
  /** What lies between two nodes, which stands out. */
  private route: Between | undefined;
  private shownRoute: Look["route"];
  /** The keys of the items that show each node, and the search's hits among them. */
  private shown = new Map<number, string>();
  private shownHits = new Set<string>();
  private wanted: string | undefined;
  private coloured: { measure: Measure; theme: Theme; colours: Map<Item, string | undefined> } | undefined;
  private readonly steps: { back: HTMLElement; forward: HTMLElement };

  constructor(private readonly graph: GraphFacts, private readonly members: readonly Member[], rows: readonly LayerRow[], private readonly total: number, private measure: Measure, private readonly actions: GraphActions, initial?: GraphState, trail?: HTMLElement) {
    this.rowOf = new Map(rows.map((row) => [row.name, row]));
    for (const { layer, id } of graph.nodes) if (layer !== undefined && !this.nodeOf.has(layer)) this.nodeOf.set(layer, id);
    for (const { held = [], id } of graph.nodes) for (const layer of held) if (!this.nodeOf.has(layer)) this.nodeOf.set(layer, id);
    this.open = new Set(initial?.open);
    this.scene = sceneOf(graph, this.members, this.open);
    this.tree = new GraphTree({ choose: (item) => actions.choose(item.key), enter: (item) => this.enter(item), toggle: (item) => this.toggle(item) });
    this.steps = { back: iconButton({ label: t("Back"), icon: "arrow-left", key: "Alt+←", onClick: () => actions.back() }), forward: iconButton({ label: t("Forward"), icon: "arrow-right", key: "Alt+→", onClick: () => actions.forward() }) };
    const over = [el("div", { class: "graph-steps" }, this.steps.back, this.steps.forward, trail), this.legend.element, this.buttons()];
    this.element.append(this.stage, this.tree.element, ...over);
    this.canvas = new Canvas(this.stage, (context, width, height) => this.draw(context, width, height));
    this.camera = new Camera(this.stage, {
      view: initial?.view, over: () => over, top: trail?.childElementCount ? TRAIL_HEIGHT : 0, fitted: () => { if (this.selected !== undefined) this.show(this.selected); this.changed(); }, moved: () => { this.changed(); this.canvas.redraw(); }, at: (x, y) => { const item = this.hit(x, y)?.item; return item && wordsOf(item); },
      click: (x, y) => { this.click(x, y); this.tree.element.focus({ preventScroll: true }); }, doubleClick: (x, y) => this.enter(this.hit(x, y)?.item),
    });
    this.tree.element.addEventListener("keydown", (event) => this.pressed(event));
    this.stage.addEventListener("contextmenu", ({ offsetX, offsetY }) => {
      const item = this.hit(offsetX, offsetY)?.item;
      if (item) actions.choose(item.key);
      offerNodeMenu(this.stage, item?.node);
    });
    this.tree.element.addEventListener("contextmenu", () => offerNodeMenu(this.tree.element, this.graph.nodes[/^\d+$/.test(this.selected ?? "") ? Number(this.selected) : -1]));
    this.tree.element.addEventListener("focus", () => this.canvas.redraw());
    this.tree.element.addEventListener("blur", () => this.canvas.redraw());
    this.legend.show(measure);
    this.legend.element.hidden = rows.length === 0; // where there are no weights, colours mean nothing
    onLookChange(this.element, () => this.colour(this.measure));
    this.layOut();
  }

  /** Of the selected node or group. */
  get key(): string | undefined { return this.selected; }

  /** The key of the node that uses a layer or has it inside, if the graph shows it. */
  keyOf(layer: string): string | undefined { const id = this.nodeOf.get(layer); return id === undefined ? undefined : String(id); }

  /** Marks a node or a group; what hides it is unfolded, and it comes into sight if it is out of it. */
  select(key: string | undefined): void {
    const isHidden = key !== undefined && !itemsOf(this.scene).some((item) => item.key === key);
    if (key === this.selected && !isHidden) return;
    this.selected = key;
    if (isHidden) {
      const path = pathTo(this.members, Number.parseInt(key, 10)), end = path.indexOf(key);
      this.peek = new Set(end < 0 ? path : path.slice(0, end));
      this.wanted = key;
      this.arrange();
    } else if (key !== undefined) this.show(key);
    this.tree.select(key);
    this.canvas.redraw();
  }

  /** Marks nodes that a search has found. */
  mark(hits: Set<number>): void {
    this.hits = hits;
    this.markShown();
    this.canvas.redraw();
  }

  /** Marks the items that show the search's hits: the nodes themselves, or the folded groups around them. */
  private markShown(): void {
    this.shownHits = new Set([...this.hits].map((id) => this.keyShowing(String(id))));
    this.tree.found(this.shownHits);
  }

  /** Lets all ways between two nodes stand out; of none, everything does. Undefined where no way leads from one to the other. */
  showBetween(ends: readonly [number, number] | undefined): Between | undefined {
    this.route = ends && waysBetween(this.graph, ...ends);
    this.shownRoute = this.routeShown();
    this.canvas.redraw();
    return this.route;
  }

  private routeShown(): Look["route"] {
    const { route, drawn } = this;
    if (!route || !drawn) return undefined;
    const items = new Set<string>();
    for (const id of route.nodes) for (let item = drawn.byKey.get(this.keyShowing(String(id)))?.item; item; item = item.parent) items.add(item.key);
    return { items, edges: route.edges };
  }

  /** A picture of what is to be seen, or of the whole graph as far as it is unfolded. */
  async picture(type: "svg" | "png", whole: boolean): Promise<Uint8Array> {
    const { drawn, piece, zoom } = this.pieceOf(whole), sight = { left: piece.left, top: piece.top, right: piece.left + piece.width, bottom: piece.top + piece.height };
    const draw = (pen: Pen, scale: number): void => paint(pen, drawn, { ...this.look(), zoom: scale, sight, progress: 1, fresh: new Set() });
    return type === "svg" ? svgOf(piece, (pen) => draw(pen, zoom)) : pngOf(piece, zoom, (pen) => draw(pen, whole ? Math.min(1, scaleOf(piece.width, piece.height, zoom)) : zoom));
  }

  /** How large such a PNG becomes. */
  pictureSize(whole: boolean): PictureSize {
    const { piece, zoom } = this.pieceOf(whole);
    return sizeOf(piece, zoom);
  }

  private pieceOf(whole: boolean): { drawn: Drawn; piece: Piece; zoom: number } {
    const { drawn, camera: { view }, canvas } = this;
    if (!drawn || !view) throw new Error(t("The graph is not drawn yet."));
    return {
      drawn, zoom: whole ? 1 : view.zoom,
      piece: whole ? { left: -AROUND, top: -AROUND, width: drawn.width + 2 * AROUND, height: drawn.height + 2 * AROUND } : { left: -view.x / view.zoom, top: -view.y / view.zoom, width: canvas.width / view.zoom, height: canvas.height / view.zoom },
    };
  }

  /** Colours everything anew, by another measure or in another theme. */
  colour(measure = this.measure): void {
    this.measure = measure;
    this.worn = theme();
    this.legend.show(measure);
    this.updateTree();
    this.canvas.redraw();
  }

  /** Draws again what was out of the page, where it is not told of another theme. */
  redraw(): void {
    if (this.worn === theme()) this.canvas.redraw();
    else this.colour();
  }

  allow(back: boolean, forward: boolean): void {
    this.steps.back.toggleAttribute("disabled", !back);
    this.steps.forward.toggleAttribute("disabled", !forward);
  }

  focus(): void { this.tree.element.focus({ preventScroll: true }); }

  close(): void { this.arranger.close(); }

  private arrange(anchor?: string): void {
    this.scene = sceneOf(this.graph, this.members, new Set([...this.open, ...this.peek]));
    this.ways = undefined;
    this.layOut(anchor);
  }

  private layOut(anchor?: string): void {
    this.shown = new Map(itemsOf(this.scene).flatMap(({ key, inside, group, node }) => (inside ? [] : group?.nodes ?? (node ? [node.id] : [])).map((id) => [id, key] as const)));
    this.updateTree();
    const { scene } = this;
    this.arranger.arrange(scene.input, (picture) => {
      const before = this.drawn;
      this.drawn = placed(scene, picture);
      this.shownRoute = this.routeShown();
      this.markShown();
      if (before && !reducedMotion() && this.drawn.items.length < MOST_MOVING) this.before = { byKey: before.byKey, start: performance.now() };
      this.camera.size(this.drawn.width, this.drawn.height, this.drawn.axis);
      const [was, is] = anchor === undefined ? [] : [before?.byKey.get(anchor), this.drawn.byKey.get(anchor)];
      if (was && is) this.camera.hold(was.left + was.width / 2, was.top, is.left + is.width / 2, is.top);
      else if (!this.camera.refit() && before) this.camera.hold(before.axis, 0, this.drawn.axis, 0);
      if (this.wanted !== undefined) this.show(this.wanted);
      this.wanted = undefined;
      this.element.dataset.ready = "true";
      this.changed();
      this.canvas.redraw();
    });
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    if (!this.drawn) return;
    const passed = this.before ? (performance.now() - this.before.start) / UNFOLDING_MS : 1, progress = passed >= 1 ? 1 : 1 - (1 - passed) ** 3;
    if (passed >= 1) this.before = undefined;
    const { zoom, x, y } = this.camera.look(width, height), sight = { left: -x / zoom, top: -y / zoom, right: (width - x) / zoom, bottom: (height - y) / zoom };
    const old = this.before?.byKey, fresh = old ? new Set(this.drawn.items.flatMap(({ item }) => (old.has(item.key) ? [] : item.key))) : NOTHING;
    const drawn = old ? { ...this.drawn, items: this.drawn.items.map((box) => between(old, box, progress)) } : this.drawn;
    context.translate(x, y);
    context.scale(zoom, zoom);
    paint(context, drawn, { ...this.look(), focused: document.activeElement === this.tree.element, zoom, sight, progress, fresh });
    if (this.before) this.canvas.redraw();
  }

  private look(): Omit<Look, "zoom" | "sight" | "progress" | "fresh"> {
    return { selected: this.selected === undefined ? undefined : this.keyShowing(this.selected), hits: this.shownHits, focused: false, colour: ({ item }) => this.colourOf(item), total: this.total, route: this.shownRoute };
  }

  /** The item that shows a node or group: itself or the folded group around it. */
  private keyShowing(key: string): string { return this.drawn?.byKey.has(key) ? key : this.shown.get(Number.parseInt(key, 10)) ?? key; }

  private rowsOf({ node, group }: Item): LayerRow[] { return (group?.layers ?? (node ? layersOf(node) : [])).flatMap((layer) => this.rowOf.get(layer) ?? []); }
  /** Worked out once for each item, as long as nothing else is measured and the theme stays. */
  private colourOf(item: Item): string | undefined {
    if (this.coloured?.measure !== this.measure || this.coloured.theme !== theme()) this.coloured = { measure: this.measure, theme: theme(), colours: new Map() };
    const { colours } = this.coloured;
    if (!colours.has(item)) {
      const rows = this.rowsOf(item);
      colours.set(item, rows.length ? this.measure.colour(rows) : undefined);
    }
    return colours.get(item);
  }

  private updateTree(): void {
    const most = this.scene.items.reduce((max, item) => Math.max(max, bytesOf(item)), 1);
    this.tree.update(this.scene, { total: this.total, bar: (item) => (bytesOf(item) ? { share: bytesOf(item) / most, colour: this.measure.kinds ? this.colourOf(item) : undefined } : undefined) });
  }

  private toggle(item: Item | undefined): void {
    if (!item?.group) return;
    const { key } = item.group, folded = !item.inside;
    if (folded) this.open.add(key);
    else this.fold(key);
    if (folded) this.peek.delete(key);
    const first = folded && item.group.kind === "row" ? firstBlock(item) : undefined;
    this.arrange(first ?? key);
    if (first !== undefined && this.selected === key) this.actions.choose(first);
  }

  /** Unfolds all that is folded, or folds all where nothing is. */
  private unfoldAll(): void {
    const keys = (members: readonly Member[]): string[] => members.flatMap((member) => (isGroup(member) ? [member.key, ...keys(member.members)] : [])), all = keys(this.members), isUnfolded = all.every((key) => this.open.has(key));
    this.open.clear();
    this.peek.clear();
    if (!isUnfolded) for (const key of all) this.open.add(key);
    this.arrange(this.selected);
  }

  /** Folds the row that a block stands in. */
  private foldRow(item: Item): void {
    if (!item.row) return;
    this.fold(item.row.key);
    this.arrange();
    this.actions.choose(item.row.key);
  }

  private fold(key: string): void { this.open.delete(key); this.peek.delete(key); }

  /** Brings an item into sight, if it is out of it. */
  private show(key: string): void {
    const box = this.drawn?.byKey.get(key);
    if (box) this.camera.show(box.left, box.top, box.width, box.height);
  }

  private hit(px: number, py: number): Placed | undefined {
    const { drawn } = this, at = this.camera.point(px, py);
    if (!drawn || !at) return undefined;
    for (let i = drawn.items.length - 1; i >= 0; i--) {
      const { item, left, top, width, height } = drawn.items[i];
      if (at.x >= left && at.x <= left + width && at.y >= top && at.y <= top + (item.inside ? FRAME_HEAD : height)) return drawn.items[i];
    }
    return undefined;
  }

  private click(px: number, py: number): void {
    const box = this.hit(px, py), at = this.camera.point(px, py), { drawn } = this;
    if (!drawn || !at) return;
    if (box) {
      if ((box.item.group || box.item.node?.held) && at.x < box.left + 28) this.enter(box.item);
      else this.actions.choose(box.item.key);
      return;
    }
    for (const other of drawn.items) {
      const bracket = bracketOf(other, drawn);
      if (bracket && Math.abs(at.x - bracket.x) < 12 && at.y > bracket.top - 4 && at.y < bracket.top + 20) { this.foldRow(other.item); return; }
    }
  }

  private enter(item: Item | undefined): void {
    if (item?.group) this.toggle(item);
    else if (item?.node?.bodies?.length) this.actions.enter(item.node.bodies[0].path);
    else if (item?.node?.layer !== undefined) this.actions.openLayer(item.node.layer);
  }

  private pressed(event: KeyboardEvent): void {
    const all = itemsOf(this.scene), item = all.find(({ key }) => key === this.selected) ?? all.find(({ key }) => this.selected !== undefined && key === this.keyShowing(this.selected)), go = (to: Item | undefined) => { if (to) this.actions.choose(to.key); };
    // where no way leads on, the next in the order of reading
    const walk = (ways: ReadonlyMap<string, Item[]>, step: 1 | -1) => { const ends = ways.get(item?.key ?? "") ?? []; go(item ? ends[event.altKey ? 1 : 0] ?? ends[0] ?? all[all.indexOf(item) + step] : this.scene.items[0]); };
    const steps: Record<string, (() => void) | undefined> = {
      ArrowDown: () => (item?.inside ? go(item.inside.items[0]) : walk(this.waysNow.down, 1)), ArrowUp: () => walk(this.waysNow.up, -1),
      ArrowRight: event.altKey ? () => this.actions.forward() : () => (item?.group && !item.inside ? this.toggle(item) : go(item?.inside?.items[0])),
      ArrowLeft: event.altKey ? () => this.actions.back() : () => (item?.inside ? this.toggle(item) : item?.row ? this.foldRow(item) : go(item?.parent)),
      Enter: event.ctrlKey || event.metaKey ? undefined : () => this.enter(item), Backspace: () => this.actions.leave(),
      Home: () => go(this.scene.items[0]), End: () => go(this.scene.items[this.scene.items.length - 1]),
      "+": () => this.camera.zoom(1.25), "-": () => this.camera.zoom(0.8), "0": () => this.camera.whole(), ".": () => this.centre(), "*": () => this.unfoldAll(),
    };
    const step = event.ctrlKey || event.metaKey ? undefined : steps[event.key];
    if (!step) return;
    step();
    event.preventDefault();
    event.stopPropagation(); // VS Code would go back too
  }

  private get waysNow(): Ways { return this.ways ??= waysOf(this.graph, this.scene); }

  private centre(): void {
    const box = this.selected === undefined ? undefined : this.drawn?.byKey.get(this.selected);
    if (box) this.camera.centre(box.left + box.width / 2, box.top + box.height / 2);
  }

  private changed(): void {
    this.actions.changed({ view: this.camera.touched ? this.camera.view : undefined, open: [...this.open] });
    const from = this.camera.point(0, 0), to = this.camera.point(this.canvas.width, this.canvas.height);
    if (!this.drawn || !from || !to) return;
    const layers = new Set<string>();
    for (const { item, left, top, width, height } of this.drawn.items) {
      if (top >= to.y || top + height <= from.y || left >= to.x || left + width <= from.x || item.inside) continue;
      for (const layer of item.group?.layers ?? (item.node ? layersOf(item.node) : [])) layers.add(layer);
    }
    this.actions.sight(layers);
  }

  private buttons(): HTMLElement {
    return el("div", { class: "graph-buttons" },
      iconButton({ label: t("Zoom In"), icon: "add", key: "+", onClick: () => this.camera.zoom(1.25) }), iconButton({ label: t("Zoom Out"), icon: "remove", key: "−", onClick: () => this.camera.zoom(0.8) }),
      iconButton({ label: t("Show All"), icon: "screen-full", key: "0", onClick: () => this.camera.whole() }), iconButton({ label: t("Centre the Selection"), icon: "target", key: ".", onClick: () => this.centre() }));
  }
}

/** Where a box is on its way from its old place to the new; one that was not there comes from the group that it was in. */
function between(old: ReadonlyMap<string, Placed>, box: Placed, progress: number): Placed {
  const { item, left, top, width, height } = box, own = old.get(item.key), group = own ? undefined : old.get(item.parent?.key ?? "") ?? old.get(item.row?.key ?? ""), from = own ?? (group && { ...box, left: group.left, top: group.top });
  if (!from) return box;
  const mix = (a: number, b: number) => a + (b - a) * progress;
  return { item, left: mix(from.left, left), top: mix(from.top, top), width: mix(from.width, width), height: mix(from.height, height) };
}

/** The key of a row's first block, which stands where the row stood. */
function firstBlock({ group }: Item): string | undefined {
  const first = group?.members[0];
  return first === undefined ? undefined : isGroup(first) ? first.key : String(first);
}
