import "./page.css";
import type { GraphFacts, LayerRow, ModelFacts } from "../src/protocol/api";
import type { HostApi, JobState } from "../src/protocol/page";
import { codebookOf } from "./codebook/codebook-view";
import { button, field, tabs } from "./controls";
import { el, icon } from "./dom";
import * as format from "./format";
import { GraphView, type GraphState } from "./graph/graph-view";
import { connectHost, savedState, saveState, start } from "./host";
import { t } from "./l10n";
import { detailsOf } from "./layers/details";
import { LayerTable } from "./layers/table";

type Tab = "graph" | "layers" | "codebooks";
interface PageState { tab: Tab; selected?: string; graph?: GraphState; search: string }

const KERNELS = 70;

/** The page of a model editor: what it is, which view, and one selection that all views share. */
class Page {
  private readonly root = document.getElementById("page") ?? document.body;
  private readonly host: HostApi;
  private state: PageState;
  private trusted = start.trusted;
  private rows: LayerRow[] = [];
  private views: { graph: GraphView; table: LayerTable } | undefined;
  private readonly body = el("div", { class: "body" });
  private readonly side = el("aside", { class: "side" });
  private readonly foot = el("footer", { class: "foot", hidden: true, role: "status" });
  private readonly search = field({ label: t("Name, operator, shape…"), icon: "search", hint: "/", onInput: (text) => this.find(text) });
  private header = el("header", { class: "header" });
  private facts: ModelFacts | undefined;

  constructor() {
    const saved = savedState();
    this.state = { tab: "graph", search: "", ...(typeof saved === "object" ? saved as Partial<PageState> : {}) };
    this.host = connectHost({
      changed: async () => { await this.load(); },
      trusted: async () => { this.trusted = true; this.showHeader(); },
      find: async () => { this.search.focus(); },
      job: async (state) => { this.showJob(state); },
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLElement && /INPUT|TEXT-FIELD/.test(event.target.tagName);
      if (event.key === "/" && !typing) { this.search.focus(); event.preventDefault(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.host.act("compress");
    });
    void this.load();
  }

  /** Facts first, then the views; what is drawn does not move later. */
  private async load(): Promise<void> {
    try {
      this.facts = await this.host.open();
      this.showHeader();
      const [graph, rows] = await Promise.all([this.host.graph(), this.host.layers()]);
      this.rows = rows;
      this.show(graph);
    } catch (error) {
      this.fail(error);
    }
  }

  private showHeader(): void {
    const { facts } = this;
    if (!facts) return;
    const [input] = facts.inputs, [output] = facts.outputs;
    const figures: [string, string][] = [
      [format.bytes(facts.bytes), t("size")], [format.count(facts.parameters), t("weights")],
      ...(facts.macs ? [[format.count(facts.macs), t("MACs per image")] as [string, string]] : []),
      ...(input && output ? [[`${format.caption(input.shape)} → ${format.caption(output.shape)}`, t("input → output")] as [string, string]] : []),
      [t("opset {0} · IR {1}", facts.opset, facts.irVersion), facts.producer || t("no producer")],
      ...(facts.bitsPerWeight ? [[format.bits(facts.bitsPerWeight), t("bits per weight")] as [string, string]] : []),
    ];
    this.header.replaceChildren(
      el("div", { class: "figures" }, ...figures.map(([value, name]) => el("div", { class: "figure" }, el("b", {}, value), el("small", {}, name)))),
      button({ label: t("Compress…"), icon: "archive", primary: true, disabled: !this.trusted, title: this.trusted ? "" : t("Compressing runs the model, so it needs a trusted folder."), onClick: () => void this.host.act("compress") }));
    if (!this.root.contains(this.header)) this.root.replaceChildren(this.header);
  }

  private show(graph: GraphFacts): void {
    const total = this.rows.reduce((sum, { bytes }) => sum + bytes, 0);
    const choose = (id: string | undefined) => { if (id !== undefined) this.select(id); };
    this.views = {
      graph: new GraphView(graph, total, (node) => choose(node.layer), (state) => this.save({ graph: state }), this.state.graph),
      table: new LayerTable(this.rows, choose),
    };
    const bar = tabs<Tab>({ label: t("Views"), tabs: [{ id: "graph", text: t("Graph") }, { id: "layers", text: t("Layers") }, { id: "codebooks", text: t("Codebooks") }], selected: this.state.tab, onSelect: (tab) => { this.save({ tab }); bar.select(tab); void this.showTab(total); } });
    const banner = this.trusted ? undefined : el("div", { class: "banner" }, icon("shield"), t("Restricted Mode: you can look at this model. Compressing and measuring run it, so they need a trusted folder."), button({ label: t("Manage Trust"), small: true, onClick: () => void this.host.act("manage-trust") }));
    this.root.replaceChildren(this.header, el("nav", { class: "bar" }, bar.element, this.search), ...(banner ? [banner] : []), el("div", { class: "panes" }, this.body, this.side), this.foot);
    const known = this.rows.find(({ name }) => name === this.state.selected) ?? this.rows.reduce<LayerRow | undefined>((most, row) => (!most || row.bytes > most.bytes ? row : most), undefined);
    void this.showTab(total);
    if (known) this.select(known.name);
    if (this.state.search) { this.search.value = this.state.search; this.find(this.state.search); }
    document.body.dataset.ready = "true";
  }

  private async showTab(_total: number): Promise<void> {
    const { views, state } = this;
    if (!views) return;
    this.side.hidden = state.tab === "codebooks";
    this.body.id = `panel-${state.tab}`;
    if (state.tab === "graph") this.body.replaceChildren(views.graph.element);
    if (state.tab === "layers") this.body.replaceChildren(views.table.element);
    if (state.tab === "codebooks") await this.showCodebook();
  }

  private async showCodebook(): Promise<void> {
    const row = this.rows.find(({ name, codewords }) => name === this.state.selected && codewords !== undefined) ?? this.rows.find(({ codewords }) => codewords !== undefined);
    if (!row) {
      this.body.replaceChildren(state("symbol-array", t("No codebooks in this model yet"), t("Its {0} layers hold plain weights. Compress it to see what a codebook does to each.", this.rows.length), this.trusted ? button({ label: t("Compress…"), icon: "archive", primary: true, onClick: () => void this.host.act("compress") }) : undefined));
      return;
    }
    const facts = await this.host.codebook(row.name);
    if (this.state.tab === "codebooks" && facts) this.body.replaceChildren(codebookOf(facts, row));
  }

  private select(id: string): void {
    this.save({ selected: id });
    this.views?.graph.select(id);
    this.views?.table.select(id);
    if (this.state.tab === "codebooks") void this.showCodebook();
    void this.showDetails(id);
  }

  private async showDetails(id: string): Promise<void> {
    try {
      const [details, kernels] = await Promise.all([this.host.layer(id), this.host.kernels(id, 0, KERNELS)]);
      if (this.state.selected !== id) return;
      const total = this.rows.reduce((sum, { bytes }) => sum + bytes, 0);
      this.side.replaceChildren(detailsOf(details, kernels, total, {
        codebook: () => document.getElementById("tab-codebooks")?.click(), copy: (name) => void this.host.act("copy-name", name),
      }));
      this.side.dataset.layer = id;
    } catch (error) {
      if (this.state.selected === id) this.side.replaceChildren(el("p", { class: "note", role: "alert" }, error instanceof Error ? error.message : String(error)));
    }
  }

  private find(text: string): void {
    this.save({ search: text });
    this.views?.graph.search(text);
    this.views?.table.search(text);
  }

  private showJob(job: JobState | undefined): void {
    this.foot.hidden = job === undefined;
    if (!job) return;
    const bar = el("progress");
    bar.max = 1;
    bar.value = job.fraction;
    bar.setAttribute("aria-label", job.title);
    const left = job.secondsLeft === undefined ? "" : ` · ${t("{0} s left", Math.max(1, Math.round(job.secondsLeft)))}`;
    this.foot.replaceChildren(el("span", {}, `${job.title}: ${job.text}${left}`), bar, button({ label: t("Cancel"), small: true, onClick: () => void this.host.act("cancel-job") }));
  }

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error), end = message.search(/[.:](\s|$)/);
    const title = end > 0 && end < 90 ? message.slice(0, end) : t("{0} cannot be shown", start.name), rest = end > 0 && end < 90 ? message.slice(end + 1).trim() : message;
    this.root.replaceChildren(state("error", title, rest,
      button({ label: t("Try Again"), primary: true, onClick: () => void this.load() }), button({ label: t("Show Log"), onClick: () => void this.host.act("show-log") })));
    document.body.dataset.ready = "error";
  }

  private save(change: Partial<PageState>): void {
    this.state = { ...this.state, ...change };
    saveState(this.state);
  }
}

/** A page that has something to say instead of something to show. */
function state(symbol: string, title: string, text: string, ...actions: (HTMLElement | undefined)[]): HTMLElement {
  return el("div", { class: "state", role: symbol === "error" ? "alert" : "note" }, el("div", { class: `state-icon ${symbol}` }, icon(symbol)), el("div", {}, el("h1", {}, title), el("p", {}, text), el("div", { class: "row" }, ...actions)));
}

new Page();
