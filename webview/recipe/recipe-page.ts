import type { PresetId } from "../../src/protocol/api";
import type { JobState } from "../../src/protocol/page";
import type { PlanFacts, PlanPoint } from "../../src/protocol/plan";
import { ratedFor, type DiagnosisState, type MeasuredPoint, type Planning, type RecipeChange, type RecipeHostApi, type RecipePageApi, type RecipeProblem, type RecipeView, type WrittenSize } from "../../src/protocol/recipe-page";
import { parseTarget, targetBytes } from "../../src/protocol/sizes";
import { button, field, select } from "../controls";
import { el, icon } from "../dom";
import * as format from "../format";
import { connectTo, savedState, saveState, start } from "../host";
import { t } from "../l10n";
import { walkPanes } from "../panes";
import { stateOf } from "../state";
import { ArithmeticSetting } from "./arithmetic";
import { Basis } from "./basis";
import { bytesOf, candidateHeader, toldBeside, type KnownOfRecipe, type MeasuredIntegers } from "./candidate";
import { openChoices } from "./choices";
import { Curve } from "./curve";
import { goal, goalOf, GOALS, noGoal, presetNames, presetOf } from "./goals";
import { integerFacts, isOfLayers } from "./integer-facts";
import { IntegerSetting } from "./integers";
import { JobCard } from "./job-card";
import { PlanTable, type Order } from "./plan-table";
import { pinOf, Plans, targetText } from "./plans";
import { ProblemBanner } from "./problem-banner";
import { PruningSetting } from "./pruning";
import { Settings } from "./settings";
import { SettingsFold } from "./settings-fold";
import { SizeField } from "./size-field";
import { TuningSetting } from "./tuning";

interface PageState { selected?: string; order: Order; /** Whether settings are unfolded where they fold. */ settings?: boolean }

/** The page of a recipe: how small, what every layer becomes for that, what it costs; every change goes into the text and comes back from there. */
export class RecipePage {
  private readonly root = document.getElementById("page") ?? document.body;
  private readonly host: RecipeHostApi;
  private state: PageState = { order: "depth" };
  private trusted = start.trusted;
  private view: RecipeView | undefined;
  private problem: RecipeProblem | undefined;
  private planning: Planning = { state: "none" };
  private plans: Plans | undefined;
  /** What the thumb is at, until the text says it. */
  private looked: PlanPoint | undefined;
  /** The plans that it is one of: others may have come since. */
  private lookedIn: Plans | undefined;
  /** What the text is about to say, because the slider was let go there. */
  private settling: RecipeChange | undefined;
  private measured: MeasuredPoint[] = [];
  private written: WrittenSize[] = [];
  private job: JobState | undefined;
  private diagnosis: DiagnosisState = {};
  private told: string | undefined;
  /** What the plans shown were made of. */
  private planned: string | undefined;

  private readonly basis = new Basis();

  private readonly header = el("header", { class: "header recipe-header" });
  private readonly banner = new ProblemBanner((action) => void this.host.act(action), (changes) => this.change(changes));
  private readonly restricted = el("div", { class: "banner", hidden: true });
  private readonly curve = new Curve({ look: (point) => this.look(point), leave: () => { this.looked = undefined; this.draw(); }, settle: (point, preset) => this.settle(point, preset), preset: (id) => this.change([goal("preset", id)]) });
  private readonly table = new PlanTable({
    select: (layer) => this.select(layer), togglePin: (layer) => this.togglePin(layer), choose: (layer, under) => this.choose(layer, under), step: (layer, choice) => this.fix(layer, choice),
    why: (layer) => ({ limit: this.limitWords, leave: () => this.pin(layer, { pin: "leave" }), keep: () => this.togglePin(layer), atLeast: (atLeastBits) => this.pin(layer, { pin: { atLeastBits } }), free: () => this.pin(layer, undefined), choose: (under) => this.choose(layer, under), setFloats: (floats) => this.setFloats(layer, floats) }),
  });
  private readonly card = new JobCard((action) => void this.host.act(action));
  private readonly settings = new Settings((changes) => this.change(changes));
  private readonly tuning = new TuningSetting((changes) => this.change(changes), () => this.showHeader());
  private readonly arithmetic = new ArithmeticSetting((changes) => this.change(changes));
  private readonly integers = new IntegerSetting({
    diagnose: () => void this.host.act("diagnose"), cancel: () => void this.host.act("cancel-diagnosis"), setFloats: (layer, floats) => this.setFloats(layer, floats), select: (layer) => this.select(layer), change: (changes) => this.change(changes),
  });
  private readonly size = new SizeField({ change: (changes) => this.change(changes), judged: () => this.showNote() });
  private readonly pruning = new PruningSetting((changes) => this.change(changes));
  private fold: SettingsFold | undefined;
  private readonly goals = el("span", { class: "recipe-goal" });
  private readonly note = el("p", { class: "recipe-note", role: "status" });
  /** Of the header. */
  private buttons: HTMLElement[] = [];
  private readonly beside = el("p", { class: "curve-told" });
  /** What can be mended where it is wrong. */
  private readonly target = el("section", { class: "recipe-target" }, el("div", { class: "recipe-row" }, el("h2", {}, t("Target size")), this.size.element, this.goals), this.note, this.curve.element, this.beside, this.basis.line);
  private readonly bytes = el("section", { class: "recipe-bytes" });
  private readonly count = el("small");
  private readonly scroll = el("div", { class: "recipe-scroll" });
  private readonly left = el("div", { class: "recipe-left" });
  private readonly right = el("section", { class: "recipe-right", "aria-label": t("Layers") });
  private readonly content = el("div", { class: "recipe-panes" });

  constructor() {
    const saved = savedState();
    if (typeof saved === "object" && saved !== null) this.state = { ...this.state, ...saved };
    this.build();
    this.host = connectTo<RecipeHostApi, RecipePageApi>({
      recipe: async (view, problem) => { this.take(view, problem); },
      planning: async (planning) => { this.plan(planning); },
      trying: async (share) => this.basis.try(share),
      measured: async (points, written) => { [this.measured, this.written] = [points, written]; this.draw(); },
      job: async (job) => { this.job = job; this.showJob(); this.showNote(); },
      diagnosis: async (state) => { this.diagnosis = state; this.showIntegers(); this.draw(); },
      select: async (layer) => { if (!this.plans) this.save({ selected: layer }); else if (this.plans.facts.layers.some(({ id }) => id === layer)) this.select(layer, true); },
      trusted: async () => { this.trusted = true; this.showHeader(); },
      compress: async () => { this.compress(); },
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.compress(); }
      walkPanes(event, [this.header, this.curve.element, this.table.element, this.card.element]);
    });
    void this.host.ready();
  }

  private build(): void {
    const order = select<Order>({ label: t("Order"), values: [{ value: "depth", text: t("Depth") }, { value: "size", text: t("Size") }, { value: "bits", text: t("Bits") }, { value: "sensitivity", text: t("Sensitivity") }], value: this.state.order, onChange: (order) => { this.save({ order }); this.table.sort(order); } });
    const filter = field({ label: t("Filter…"), icon: "filter", onInput: (text) => this.table.search(text) });
    const { arithmetic, integers, pruning, tuning, settings } = this;
    this.fold = new SettingsFold([arithmetic, integers, pruning, tuning, settings].map(({ element }) => element), this.state.settings ?? false, (settings) => this.save({ settings }));
    this.scroll.append(this.target, this.fold.element, arithmetic.element, integers.element, this.bytes, pruning.element, tuning.element, settings.element);
    this.left.append(this.scroll, this.card.element);
    this.right.append(el("div", { class: "recipe-row recipe-layers-head" }, el("h2", {}, t("Layers")), this.count, el("span", { class: "spacer" }), el("label", { class: "recipe-order" }, el("span", {}, t("Order")), order), filter), this.table.element);
    this.restricted.append(icon("shield"), el("span", {}, t("Restricted Mode: you can look at this recipe. Compressing and measuring run a model, so they need a trusted folder.")), button({ label: t("Manage Trust"), small: true, onClick: () => void this.host.act("manage-trust") }));
    this.table.sort(this.state.order);
    this.content.append(this.left, this.right);
  }

  private take(view: RecipeView | undefined, problem: RecipeProblem | undefined): void {
    if (view) this.view = view;
    this.problem = problem;
    if (view) { this.showGoal(view); this.tuning.show(view); this.settings.show(view); this.arithmetic.show(view); this.pruning.show(view, this.plans?.facts); }
    this.draw();
  }

  private plan(planning: Planning): void {
    this.planning = planning;
    if (planning.state === "ready") {
      this.plans = new Plans(planning.facts);
      this.planned = ratedFor(this.view);
      this.settings.showPrepared(planning.facts.preparation);
      if (!this.curve.isMoving && !this.isSettling) this.looked = undefined;
      const { layers } = planning.facts, { selected } = this.state;
      if (!layers.some(({ id }) => id === selected)) this.state.selected = layers.reduce<typeof layers[number] | undefined>((most, layer) => (!most || layer.bytes > most.bytes ? layer : most), undefined)?.id;
    }
    this.draw();
  }

  /** Everything as the text and what it comes to have it. */
  private draw(): void {
    const { view, problem, plans, root } = this, failed = plans && this.planning.state === "failed" ? this.planning : undefined;
    this.showHeader();
    if (view) this.fold?.show(view, this.lacksImages || this.diagnosis.running !== undefined);
    this.restricted.hidden = this.trusted;
    this.banner.show(problem, failed, view);
    this.content.toggleAttribute("data-stale", problem !== undefined);
    this.content.toggleAttribute("data-unplanned", failed !== undefined || this.isOutdated);
    this.freeze(problem);
    this.curve.element.hidden = !plans;
    if (plans && this.target.parentElement !== this.scroll) this.scroll.prepend(this.target); // it may have been mended before there was a plan
    const body = plans ? this.content : this.waiting();
    if (!root.contains(body) || root.firstChild !== this.header) root.replaceChildren(this.header, this.restricted, this.banner.element, body);
    if (plans && view) this.follow(this.looked ?? plans.facts.candidate);
    this.showJob();
    document.body.dataset.ready = this.planning.state === "busy" ? "busy" : plans ? "true" : "waiting";
  }

  /** Whether the plans shown are of other images, arithmetic or channels than the text asks for by now. */
  private get isOutdated(): boolean { return this.plans !== undefined && this.planning.state !== "ready" && ratedFor(this.view) !== this.planned; }

  /** Nothing can be changed while the text is no recipe, but for the size where that is what is wrong. */
  private freeze(problem: RecipeProblem | undefined): void {
    const isOfSize = this.isOfSize;
    this.content.inert = problem !== undefined && !isOfSize;
    for (const part of [this.right, this.curve.element, ...this.scroll.children]) if (part instanceof HTMLElement && part !== this.target) part.inert = problem !== undefined;
  }

  private get isOfSize(): boolean { return this.problem?.field !== undefined && GOALS.includes(this.problem.field); }

  /** What stands here before there is a plan. */
  private waiting(): HTMLElement {
    const { view, planning, problem } = this;
    if (problem && !view) return stateOf("error", t("This is no recipe yet"), t("Put the text right, and what it comes to stands here."), button({ label: t("Open Text"), primary: true, onClick: () => void this.host.act("show-text") }));
    if (view && !view.model) return stateOf("question", t("Which model is this recipe for?"), t("It names none, and none of its name lies beside it."), button({ label: t("Choose Model…"), primary: true, onClick: () => void this.host.act("choose-model") }));
    if (planning.state === "failed") return stateOf("error", t("There is no plan for {0}", view?.model?.name ?? start.name), planning.text, ...this.banner.waysOn(planning, view, false));
    const box = el("div", { class: "recipe-wait" });
    if (!this.trusted && view?.data?.folder !== undefined) return box;
    if (this.warning !== undefined) box.append(el("p", { class: "recipe-note bad", role: "status" }, this.warning));
    if (problem && this.isOfSize) box.append(this.target);
    box.append(this.card.element);
    if (planning.state === "none" && !problem) box.append(el("p", { class: "note" }, t("Working out what every size costs…")));
    return box;
  }

  /** Size, curve, bars and prediction move together. */
  private follow(point: PlanPoint): void {
    const { plans, view } = this;
    if (!plans || !view) return;
    const { facts } = plans, pinned = facts.layers.filter(({ id, label }) => pinOf(view.layers[id] ?? view.layers[label]) !== undefined).length;
    this.curve.disabled = this.problem !== undefined;
    this.curve.element.toggleAttribute("data-doubted", this.isDoubted);
    this.curve.show(plans, point, { measured: this.measured, limit: this.looked ? undefined : this.limit });
    this.table.show(this.shown ?? plans, point, view.layers);
    this.showIntegers();
    this.table.select(this.state.selected);
    this.bytes.replaceChildren(...bytesOf(this.shown ?? plans, point, this.written));
    const count = pinned ? t("{0}, of which {1} pinned", facts.layers.length, pinned) : String(facts.layers.length);
    const { result } = this;
    this.count.textContent = !plans.triesFewer(point) ? count : point === facts.candidate && result?.pruned ? t("{0}, planned with all channels", count) : t("{0}, with all channels", count);
    this.showNote();
  }

  /** The plans that the page shows one of: while the thumb moves, those for sizes. */
  private get shown(): Plans | undefined { return this.looked ? this.plans?.slides : this.plans; }

  /** Bytes that the text's own size allows. */
  private get limit(): number | undefined {
    const { view, plans } = this;
    if (view?.target === undefined || !plans) return undefined;
    try {
      return targetBytes(parseTarget(view.target), plans.facts.input.bytes);
    } catch {
      return undefined; // the text is being typed
    }
  }

  /** The limit that plans are made for, as people read it; undefined where a preset weighs what pays. */
  private get limitWords(): string | undefined {
    const { view, looked } = this;
    return looked ? format.bytes(looked.bytes) : view?.target ?? (view?.bits === undefined ? undefined : t("{0} bits per weight", view.bits));
  }

  /** What was measured of a file that was made of just this recipe. */
  private get result(): MeasuredPoint | undefined { return this.measured.filter(({ isOwn }) => isOwn).at(-1); }

  /** What is known of layers as integers, in its section and in their rows. */
  private showIntegers(): void {
    const { view, plans, diagnosis } = this;
    if (!view || !plans) return;
    this.pruning.show(view, plans.facts);
    const facts = integerFacts(plans.facts.layers, view, diagnosis.found);
    this.integers.show(view, diagnosis, facts, { canRun: this.trusted && view.data?.folder !== undefined, isClassifier: plans.facts.prediction.of !== "outputs" });
    this.table.showIntegers(facts);
  }

  /** What the diagnosis has measured of the recipe, where nothing of it has changed since. */
  private get measuredIntegers(): MeasuredIntegers | undefined {
    const { view, plans, diagnosis: { found } } = this;
    if (!view || !plans || view.inference !== "integer" || !found || found.loss === undefined || found.isEarlier) return undefined;
    const { agreement, loss, samples = 0, left } = found, facts = integerFacts(plans.facts.layers, view, found);
    return isOfLayers(facts.values(), left) ? { agreement, loss, samples } : undefined;
  }

  /** What is wrong with what was typed, else with what the text asks for, and what there is to know. */
  private showNote(): void {
    const { plans } = this, { problem, notes = [] }: Partial<PlanFacts> = plans?.facts ?? {}, { wrong } = this.size, point = this.looked ?? plans?.facts.candidate;
    const fewer = point && plans?.triesFewer(point) ? this.ofChannels(point) : undefined;
    const { warning } = this, text = wrong ?? [problem ?? warning, problem === undefined ? fewer : undefined, ...notes].filter((one) => one !== undefined).join(" ");
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.classList.toggle("bad", wrong !== undefined || problem !== undefined || warning !== undefined);
    this.size.element.classList.toggle("wrong", wrong !== undefined);
  }

  /** What a plan with all channels is worth where fewer are tried, and what came of that. */
  private ofChannels(point: PlanPoint): string {
    const { result } = this;
    if (!result || point !== this.plans?.facts.candidate) return t("So small a file is tried with fewer channels, too: what stands here is of all channels, untrained.");
    return result.pruned ? t("Fewer channels were tried, too, and lost less: the file has {0} less to compute, and its accuracy was measured. All else here is of all channels.", format.percent(result.pruned)) : t("Fewer channels were tried, too, and did not lose clearly less: the file has all of them, and its accuracy was measured.");
  }

  /** What is asked for in vain, or speaks against the images: told by what runs now, or by the plan. */
  private get warning(): string | undefined {
    const { planning, plans, job } = this, ofJob = job?.state === "running" && !job.otherRecipe ? job.warning : undefined;
    return planning.state === "busy" ? planning.warning : ofJob ?? (plans?.facts.doubts?.join(" ") || undefined);
  }

  /** Whether something speaks against the images that predictions rest on: other ones come first then. */
  private get isDoubted(): boolean { return this.plans?.facts.doubts?.length ? !this.isOutdated : false; }

  private look(point: PlanPoint): void {
    const { plans, view } = this, isFirst = this.looked === undefined;
    this.looked = point;
    this.lookedIn = plans;
    this.size.look(point.bytes);
    this.showNote();
    this.showHeader();
    if (!plans || !view) return;
    if (isFirst) this.table.show(plans.slides, point, view.layers);
    else this.table.update(point);
    this.bytes.replaceChildren(...bytesOf(plans.slides, point, this.written));
  }

  /** Whether the text does not say yet where the slider was let go: a plan that comes then is of what it said before. */
  private get isSettling(): boolean { return this.settling !== undefined && (this.settling.path[0] === "preset" ? this.view?.preset : this.view?.target) !== this.settling.value; }

  private settle(point: PlanPoint, aimed?: PresetId): void {
    this.looked = point;
    const plans = this.lookedIn ?? this.plans, slides = plans?.slides, now = plans?.facts.candidate.bytes ?? Infinity, preset = aimed ?? slides?.presets.find(({ bytes }) => slides.rankOf(bytes) === slides.rankOf(point.bytes) && format.bytes(bytes) === format.bytes(point.bytes))?.id;
    const next = Math.min(slides?.after(point.bytes) ?? Infinity, point.bytes < now ? now : Infinity), change = preset ? goal("preset", preset) : goal("target", targetText(point.bytes, next));
    this.settling = change;
    void this.host.change([change]).then((changed) => {
      if (this.settling === change) this.settling = undefined;
      if (changed || this.curve.isMoving) return;
      this.looked = undefined; // the text says so already
      this.draw();
    });
  }

  private showHeader(): void {
    const { view, plans, problem, trusted, job, planning } = this, running = job?.state === "running", failed = planning.state === "failed", blocked = problem !== undefined || failed || plans?.facts.problem !== undefined || !view?.model, lacksImages = this.lacksImages;
    const data = view?.data?.folder, { isDoubted } = this, choose = button({ label: data === undefined ? t("No Images") : data.replace(/^\.\//, ""), icon: "folder", primary: isDoubted, title: isDoubted ? t("Something speaks against these images: choose others") : t("Images to fit and measure with"), onClick: () => void this.host.act("choose-data") });
    choose.classList.add("recipe-data");
    this.basis.show(planning, data !== undefined);
    const compress = button({ label: t("Compress"), icon: "archive", primary: !isDoubted && (plans !== undefined || !failed), disabled: !trusted || blocked || running || lacksImages || this.tuning.wrong !== undefined, title: this.tuning.wrong ?? (lacksImages ? this.isTuned ? t("Training needs images: choose a folder, or turn it off.") : t("Integers need images, to see what the activations are: choose a folder.") : trusted ? this.isTuned ? t("Compresses, then fine-tunes ({0})", "Ctrl+Enter") : t("Ctrl+Enter") : t("Compressing runs the model, so it needs a trusted folder.")), onClick: () => this.compress() });
    const measure = button({ label: t("Measure"), icon: "pulse", disabled: !trusted || blocked || data === undefined, title: data === undefined ? t("Measuring needs images.") : this.isTuned ? t("Tries this out on images, before fine-tuning; nothing is saved.") : t("Tries this out on images; nothing is saved."), onClick: () => void this.host.act("measure") });
    measure.classList.add("recipe-measure");
    const known: KnownOfRecipe = { integers: this.measuredIntegers, result: this.result, limit: this.limit, preset: view && presetOf(view), isTuned: this.isTuned, isDoubted }, shown = this.shown ?? plans, point = this.looked ?? plans?.facts.candidate;
    this.beside.replaceChildren(...shown && point ? toldBeside(shown, point, known) : []);
    const figures = shown && point ? candidateHeader(shown, point, known) : el("div", { class: "figures" }, el("div", { class: "figure" }, el("b", {}, view?.model?.name ?? start.name), el("small", {}, t("model"))));
    figures.toggleAttribute("data-outdated", this.isOutdated);
    const buttons = [choose, measure, compress], focused = this.buttons.findIndex((one) => one.contains(document.activeElement));
    this.header.replaceChildren(el("h1", { class: "unseen" }, start.name), figures, el("div", { class: "recipe-images" }, choose, this.basis.element), measure, compress);
    this.buttons = buttons;
    buttons[focused]?.focus(); // it is drawn again behind a keyboard's back
  }

  /** The drop-down and the field say what the text says. */
  private showGoal(view: RecipeView): void {
    const value = goalOf(view), isInteger = view.inference === "integer", state = `${value} ${isInteger}`;
    if (this.goals.dataset.value !== state) {
      this.goals.dataset.value = state;
      const values = [...(isInteger ? [{ value: "whole", text: t("8 Bits Everywhere") }] : []), ...Object.entries(presetNames()).map(([id, text]) => ({ value: id, text })), { value: "target", text: t("Own Size") }, ...(value === "bits" ? [{ value: "bits", text: t("Own Bits") }] : [])];
      this.goals.replaceChildren(select({ label: t("How small"), values, value, onChange: (chosen) => { if (chosen === "target") this.change([goal("target", targetText((this.looked ?? this.plans?.facts.candidate)?.bytes ?? 1e6))]); else if (chosen === "whole") this.change(noGoal()); else if (chosen !== "bits") this.change([goal("preset", chosen)]); } }));
    }
    this.size.follow();
  }

  private showJob(): void {
    const { plans, looked } = this;
    this.card.show(this.job, this.planning, { trusted: this.trusted, isDiagnosing: this.diagnosis.running !== undefined, isWrong: this.problem !== undefined || this.planning.state === "failed" });
    this.size.show(this.view, plans && { candidate: plans.facts.candidate.bytes, input: plans.facts.input.bytes }, looked?.bytes);
    this.showHeader();
    if (this.plans && !this.left.contains(this.card.element)) this.left.append(this.card.element);
  }

  private compress(): void {
    if (this.trusted && !this.problem && this.view?.model && this.planning.state !== "failed" && !this.plans?.facts.problem && !this.lacksImages && this.tuning.wrong === undefined && this.job?.state !== "running") void this.host.act("compress");
  }

  /** Whether the recipe wants a training that it has no images for. */
  private get lacksImages(): boolean { return (this.isTuned || this.view?.inference === "integer") && this.view?.data?.folder === undefined; }

  private get isTuned(): boolean { return (this.view?.tune ?? "none") !== "none"; }

  private change(changes: RecipeChange[]): void { void this.host.change(changes); }

  /** A layer's key in the text: the one that it has, else its identity. */
  private keyOf(layer: string): string {
    const label = this.plans?.facts.layers.find(({ id }) => id === layer)?.label;
    return this.view?.layers[layer] === undefined && label !== undefined && this.view?.layers[label] !== undefined ? label : layer;
  }

  /** How the layer is stored; how it is computed stays. */
  private pin(layer: string, setting: object | undefined): void {
    const key = this.keyOf(layer), { inference } = this.view?.layers[key] ?? {}, all = { ...setting, ...(inference && { inference }) };
    this.change([{ path: ["layers", key], value: Object.keys(all).length ? all : undefined }]);
  }

  /** Computes a layer with floats, or no longer. */
  private setFloats(layer: string, floats: boolean): void { this.change([{ path: ["layers", this.keyOf(layer), "inference"], value: floats ? "float" : undefined }]); }

  private togglePin(layer: string): void {
    const { shown: plans, view } = this, at = plans?.facts.layers.findIndex(({ id }) => id === layer) ?? -1;
    if (!plans || !view || at < 0 || plans.facts.layers[at].blocked !== undefined) return;
    if (pinOf(view.layers[this.keyOf(layer)])) this.pin(layer, undefined);
    else this.fix(layer, (this.looked ?? plans.facts.candidate).choices[at]);
  }

  private fix(layer: string, choice: number): void {
    const { method, options } = this.shown?.facts.layers.find(({ id }) => id === layer)?.choices[choice] ?? {};
    this.pin(layer, method === undefined ? { pin: "leave" } : { method, options, pin: "exact" });
  }

  /** All that a layer can become, under an element. */
  private choose(layer: string, under: HTMLElement): void {
    const { shown: plans, view } = this, at = plans?.facts.layers.findIndex(({ id }) => id === layer) ?? -1;
    if (plans && view && at >= 0) openChoices({ plans, point: this.looked ?? plans.facts.candidate, at, setting: view.layers[this.keyOf(layer)], free: () => this.pin(layer, undefined), fix: (choice) => this.fix(layer, choice) }, under);
  }

  private select(layer: string, fromHost = false): void {
    this.save({ selected: layer });
    this.table.select(layer, true);
    if (fromHost) this.told = layer;
    else if (layer !== this.told) void this.host.selected(this.told = layer);
  }

  private save(change: Partial<PageState>): void {
    this.state = { ...this.state, ...change };
    saveState(this.state);
  }
}
