import type { BodyFacts, GraphFacts, GraphNodeFacts, LayerRow } from "../../src/protocol/api";
import type { NodePlace } from "../../src/protocol/page";
import type { Measure } from "../charts/measures";
import { el, icon } from "../dom";
import { t } from "../l10n";
import { Finder } from "./finder";
import { GraphView, type GraphActions, type GraphState } from "./graph-view";
import { findGroup, groupsOf, type Group, type Member } from "./groups";
import { shortKinds } from "./words";

interface Known { graph: GraphFacts; groups: Member[]; trail: BodyFacts["trail"]; state?: GraphState }

export interface GraphsActions extends Omit<GraphActions, "enter" | "leave" | "changed"> {
  /** The main graph is looked at in another way. */
  changed(state: GraphState): void;
  /** Another graph is entered, at one of its nodes if there is one that was looked for; or come back to from inside it. */
  entered(body: string, node?: GraphNodeFacts, isBack?: boolean): void;
  load(body: string): Promise<BodyFacts>;
  /** What is to be said over the graph is another now. */
  noted(): void;
}

const mainGraph = (): BodyFacts["trail"][number] => ({ path: "", title: t("Main graph") });

/** What is said over the graph, and the way on. */
export interface Note { text: string; button: string; run(): void }

/** The graphs of a model: the main one and those inside nodes. One of them is on the page. */
export class Graphs {
  readonly element = el("div", { class: "graph-place" });
  /** Path of the graph on the page, "" for the main one. */
  body = "";
  view: GraphView;
  private readonly known = new Map<string, Known>();
  private readonly finder: Finder;
  private readonly loaded = new Map<string, Promise<BodyFacts>>();
  private picking: number | undefined;
  private said: Note | undefined;

  constructor(main: GraphFacts, private readonly rows: readonly LayerRow[], private readonly total: number, private measure: Measure, private readonly actions: GraphsActions, state?: GraphState) {
    this.known.set("", { graph: main, groups: groupsOf(main, (kind) => shortKinds[kind]), trail: [], state });
    this.finder = new Finder(main, async (body) => (await this.load(body)).graph);
    this.view = this.make();
  }

  get graph(): GraphFacts { return this.current.graph; }
  get note(): Note | undefined { return this.said; }
  private get current(): Known { return this.known.get(this.body)!; }

  node(key: string | undefined): GraphNodeFacts | undefined { return key !== undefined && /^\d+$/.test(key) ? this.graph.nodes[Number(key)] : undefined; }
  group(key: string | undefined): Group | undefined { return key === undefined ? undefined : findGroup(this.current.groups, key); }

  /** Puts another graph on the page. */
  async enter(body: string): Promise<void> {
    if (body === this.body) return;
    if (!this.known.has(body)) {
      const { graph, trail } = await this.load(body);
      this.known.set(body, { graph, groups: groupsOf(graph, (kind) => shortKinds[kind]), trail });
    }
    this.view.close();
    this.body = body;
    this.forget();
    const isHere = this.element.contains(document.activeElement);
    this.view = this.make();
    if (isHere) this.view.focus();
  }

  /** Goes to a graph around the one on the page, to the node that it is inside of. */
  private async leave(to: BodyFacts["trail"][number]): Promise<void> {
    const { trail } = this.current, path = [mainGraph(), ...trail], inside = path[path.findIndex((part) => part.path === to.path) + 1]?.path;
    const graph = this.known.get(to.path)?.graph ?? await this.load(to.path).then((read) => read.graph, () => undefined);
    this.actions.entered(to.path, graph?.nodes.find(({ bodies }) => bodies?.some((body) => body.path === inside)), true);
  }

  /** How many nodes a search has found, in all graphs; undefined while that is not known. */
  get found(): number | undefined { return this.finder.count; }

  /** Which of them is selected, counted from 1; 0 for none. */
  get foundPlace(): number { return this.finder.place({ body: this.body, id: this.node(this.view.key)?.id ?? -1 }); }

  /** Marks what matches a search, and what holds it inside. */
  search(text: string): void {
    this.finder.find(text);
    this.view.mark(this.finder.marked(this.body));
    if (text.trim()) void this.findAll();
  }

  /** Selects the next hit of the search, in whatever graph. */
  async next(step: 1 | -1 = 1): Promise<void> {
    await this.findAll();
    const hit = this.finder.next({ body: this.body, id: Number.parseInt(this.view.key ?? "-1", 10) }, step);
    if (hit?.body === this.body) this.choose(String(hit.node.id));
    else if (hit) this.actions.entered(hit.body, hit.node);
  }

  private async findAll(): Promise<void> {
    await this.finder.findAll();
    this.view.mark(this.finder.marked(this.body));
    this.actions.noted();
  }

  /** Each graph is asked for once, unless that failed. */
  private load(body: string): Promise<BodyFacts> {
    const known = this.loaded.get(body) ?? this.actions.load(body);
    this.loaded.set(body, known);
    known.catch(() => this.loaded.delete(body));
    return known;
  }

  colour(measure: Measure): void {
    this.measure = measure;
    this.view.colour(measure);
  }

  close(): void { this.view.close(); }

  /** How a node is called in a link. */
  placeOf(key: string): NodePlace | undefined {
    const node = this.node(key) ?? this.graph.nodes[this.group(key)?.nodes[0] ?? -1];
    return node && { node: node.outputs[0] ?? node.name, ...(this.body && { body: this.body }) };
  }

  /** The key of what a link leads to, in the graph on the page. */
  find({ node }: NodePlace): string | undefined {
    const found = this.graph.nodes.find(({ outputs }) => outputs.includes(node)) ?? this.graph.nodes.find(({ name }) => name === node);
    return found && String(found.id);
  }

  /** The next node that is chosen is the other end of a path. */
  pickOtherEnd(key: string): void {
    const from = this.lastOf(key);
    if (from === undefined) return;
    this.picking = from;
    this.say({ text: t("Choose where the path from {0} leads.", this.graph.nodes[from].label), button: t("Cancel"), run: () => this.forget() });
  }

  /** No path stands out any more. */
  forget(): void {
    this.picking = undefined;
    this.view.showBetween(undefined);
    this.say(undefined);
  }

  private choose(key: string): void {
    const from = this.picking, to = this.lastOf(key);
    this.actions.choose(key);
    if (from === undefined || to === undefined || from === to) return;
    this.picking = undefined;
    const found = this.view.showBetween([from, to]), [a, b] = [from, to].map((id) => this.graph.nodes[id].label);
    this.say({ text: found ? t("{0} nodes between {1} and {2}, {3} steps at least.", Math.max(0, found.nodes.size - 2), a, b, found.shortest) : t("No path leads from {0} to {1}.", a, b), button: t("Clear"), run: () => this.forget() });
  }

  /** The node itself, or the last of a group. */
  private lastOf(key: string): number | undefined { return this.node(key)?.id ?? this.group(key)?.nodes.at(-1); }

  private say(note: Note | undefined): void {
    this.said = note;
    this.actions.noted();
  }

  private make(): GraphView {
    const { body, current: { graph, groups, trail, state } } = this;
    const view = new GraphView(graph, groups, this.rows, this.total, this.measure, {
      ...this.actions, choose: (key) => this.choose(key), enter: (inner) => this.actions.entered(inner),
      leave: () => { if (trail.length) void this.leave(trail.at(-2) ?? mainGraph()); else this.actions.back(); },
      changed: (changed) => { this.known.get(body)!.state = changed; if (body === "") this.actions.changed(changed); },
    }, state, this.trail());
    view.mark(this.finder.marked(body));
    this.element.replaceChildren(view.element);
    return view;
  }

  /** The way back to the main graph. */
  private trail(): HTMLElement {
    const { current: { trail } } = this, place = el("nav", { class: "graph-trail", "aria-label": t("Graphs around this one") });
    if (!trail.length) return place;
    [mainGraph(), ...trail].forEach((around, i, all) => {
      const { title } = around, isLast = i === all.length - 1, part = isLast ? el("span", { "aria-current": "page", title }, title) : el("button", { class: "link", title }, title);
      if (!isLast) part.addEventListener("click", () => void this.leave(around));
      place.append(...(i ? [icon("chevron-right")] : []), part);
    });
    return place;
  }
}
