import { isTold, wilson } from "../../src/protocol/estimates";
import type { DiagnosisState, RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import type { IntegerEffect } from "../../src/protocol/report";
import { button, field } from "../controls";
import { el, icon } from "../dom";
import * as format from "../format";
import { leftText } from "../job-words";
import { t } from "../l10n";
import { costsNothing, isOfLayers, type IntegerFacts } from "./integer-facts";

/** How a network with some layers of integers does, in words. */
export const effectText = ({ agreement, loss }: IntegerEffect): string => (agreement === undefined ? t("{0} off", format.percent(Math.sqrt(loss))) : format.estimate(agreement));

export interface IntegerActions {
  diagnose(): void;
  cancel(): void;
  setFloats(layer: string, floats: boolean): void;
  select(layer: string): void;
  change(changes: RecipeChange[]): void;
}

/** So many of the most expensive layers are shown unasked; so few more are not worth a press. */
const SHOWN = 6, FEW = 2;

/** Integer arithmetic of a recipe: what each layer costs as integers, which ones stay float, and an agreement that decides it. */
export class IntegerSetting {
  readonly element = el("section", { class: "integers", hidden: true });
  private readonly agreement: HTMLElement & { value: string };
  private readonly goal: HTMLElement;
  private readonly note = el("p", { class: "integers-note", role: "status" });
  private readonly run = el("span", { class: "integers-run" });
  private readonly list = el("div", { class: "integers-list" });
  private state: DiagnosisState = {};
  private showsAll = false;
  private facts: readonly IntegerFacts[] = [];
  private hasImages = true;
  /** What was typed for an agreement and is none. */
  private mistyped: string | undefined;

  constructor(private readonly actions: IntegerActions) {
    this.agreement = field({ label: t("off"), onInput: () => undefined });
    this.agreement.classList.add("integers-agreement");
    this.agreement.setAttribute("aria-label", t("Leave layers to floats until so many percent agree"));
    this.agreement.addEventListener("change", () => this.take());
    this.goal = el("label", { class: "integers-goal" }, el("span", {}, t("Leave layers to floats until agreement is at least")), this.agreement);
    this.element.append(
      el("div", { class: "recipe-row" }, el("h2", {}, t("Integers")), this.run),
      this.goal, this.note, this.list);
  }

  show(view: RecipeView, state: DiagnosisState, facts: ReadonlyMap<string, IntegerFacts>, { canRun, isClassifier }: { canRun: boolean; isClassifier: boolean }): void {
    this.state = state;
    this.element.hidden = view.inference !== "integer";
    const asked = view.integers?.agreement;
    this.goal.hidden = !isClassifier && asked === undefined; // outputs that are no classes do not agree or disagree
    if (this.agreement !== document.activeElement && !this.agreement.contains(document.activeElement)) {
      this.agreement.value = typeof asked === "number" ? `${Number((100 * asked).toFixed(4))} %` : "";
      this.agreement.classList.remove("wrong");
      this.mistyped = undefined;
    }
    this.hasImages = view.data?.folder !== undefined;
    this.showRun(canRun);
    this.facts = [...facts.values()];
    this.showNote();
    this.showList(this.facts);
  }

  private showRun(canRun: boolean): void {
    const { running, found } = this.state, { run } = this, key = `${running !== undefined} ${found !== undefined} ${canRun}`;
    if (run.dataset.key === key) return;
    run.dataset.key = key;
    run.replaceChildren(running ? button({ label: t("Cancel"), small: true, onClick: () => this.actions.cancel() })
      : button({ label: found ? t("Diagnose Again") : t("Diagnose Layers"), icon: "pulse", small: true, disabled: !canRun, title: canRun ? t("Measures what each layer costs as integers: it alone, and all but it. Nothing is saved.") : t("Diagnosing needs images, and a trusted folder."), onClick: () => this.actions.diagnose() }));
  }

  private showNote(): void {
    const { running, found, error, isCancelled } = this.state, { note } = this, bar = el("progress", { class: "job-bar", "aria-label": t("Diagnosing layers") });
    bar.max = 1;
    bar.value = running?.fraction ?? 0;
    const wrong = this.mistyped !== undefined ? t("\"{0}\" is no agreement. Give percent up to 100, or nothing.", this.mistyped) : error ?? (this.hasImages ? undefined : t("Integers need images, to see what the activations are: choose a folder."));
    note.classList.toggle("bad", !running && wrong !== undefined);
    note.setAttribute("aria-live", running ? "off" : "polite"); // each layer would be read out
    const text = running ? [running.text, leftText(running.secondsLeft)].filter(Boolean).join(" · ") : wrong ?? (isCancelled ? t("Cancelled before all layers were measured.") : found ? this.summary(this.facts) : t("Not measured yet which layers suffer from 8 bits."));
    if (running || note.textContent !== text) note.replaceChildren(text, ...(running ? [bar] : []));
  }

  /** What was measured of the network as a whole. */
  private summary(facts: readonly IntegerFacts[]): string {
    const { found } = this.state, { agreement, samples = 0, left = [], isEarlier } = found ?? {}, parts: string[] = [];
    if (agreement !== undefined) parts.push(left.length ? t("With {0} of its layers in floats the network agrees on {1} of {2} images.", left.length, format.estimate(agreement), format.whole(samples)) : t("With all layers in integers the network agrees on {0} of {1} images.", format.estimate(agreement), format.whole(samples)));
    if (costsNothing(facts, found?.floor)) parts.push(t("No layer costs anything to speak of as integers, beside what its compressed weights cost: keeping one in floats gains next to nothing."));
    if (isEarlier) parts.push(t("Measured before the recipe was changed: diagnose again."));
    else if (!isOfLayers(facts, left)) parts.push(t("Measured before other layers were kept in floats: diagnose again for what that gains."));
    return parts.join(" ");
  }

  /** Layers by what they cost, the most expensive first, then those in floats that were not measured. */
  private showList(all: readonly IntegerFacts[]): void {
    const { list, showsAll, state: { found } } = this, measured = all.filter(({ alone }) => alone).sort((a, b) => (b.alone?.loss ?? 0) - (a.alone?.loss ?? 0)), others = all.filter(({ alone, floats }) => !alone && floats);
    const rows = [...measured, ...others], worst = Math.max(1e-12, ...measured.map(({ alone }) => alone?.loss ?? 0)), floor = found?.floor, first = rows.filter(({ floats, warnings }, i) => i < SHOWN || floats || warnings.length), shown = showsAll || rows.length - first.length <= FEW ? rows : first, key = JSON.stringify([shown.map(({ layer: { id }, ...rest }) => [id, rest]), floor, found?.isEarlier, found?.agreement, found?.samples]);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    const focused = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.closest<HTMLElement>("[data-id]")?.dataset.id : undefined;
    list.classList.toggle("earlier", found?.isEarlier === true);
    const isOfOutputs = measured.some(({ alone }) => alone?.agreement === undefined), of = (what: string) => (isOfOutputs ? t("How far the outputs are off {0}", what) : t("Agreement of the network {0}", what));
    const head = el("div", { class: "integers-row integers-head", role: "row" }, ...([[t("Layer"), ""], [`${isOfOutputs ? t("squared error") : t("divergence, nats")}\u00a0↓`, isOfOutputs ? t("Relative squared error of the outputs where this layer alone is integers: the most expensive layer comes first") : t("How far the outputs diverge where this layer alone is integers: the most expensive layer comes first")], [t("it alone"), of(t("where this layer alone is integers"))], [t("all but it"), of(t("where all layers but this one are integers"))], ["", ""]] as const).map(([text, title], i) => el("span", { class: `integers-c${i}`, role: "columnheader", title, ...(i === 1 && { "aria-sort": "descending" }) }, text || el("span", { class: "unseen" }, t("Arithmetic")))));
    const hidden = rows.length - shown.length, more = el("button", { class: "link" }, t("Show All {0} Layers", rows.length));
    more.addEventListener("click", () => { this.showsAll = true; this.showList(all); });
    list.replaceChildren(...(rows.length ? [el("div", { role: "table", "aria-label": t("What layers cost as integers") }, head, ...shown.map((facts) => this.row(facts, worst)))] : []), ...(measured.length ? [legendOf(floor, isOfOutputs)] : []), ...this.resolution(measured), ...(hidden > 0 ? [more] : []), ...this.loose(all));
    if (focused !== undefined) list.querySelector<HTMLElement>(`[data-id="${CSS.escape(focused)}"] .integers-toggle`)?.focus();
  }

  private row({ layer: { id, label }, floats, reason, warnings, alone, without }: IntegerFacts, worst: number): HTMLElement {
    const floor = this.state.found?.floor;
    const name = el("button", { class: "integers-name", title: id }, label), isKept = floats === "recipe";
    name.addEventListener("click", () => this.actions.select(id));
    const bar = el("span", { class: "integers-bar", "aria-hidden": "true" }, Object.assign(el("span"), { style: `width:${100 * (alone?.loss ?? 0) / worst}%` }), ...(floor ? [Object.assign(el("i"), { style: `left:${Math.min(100, 100 * floor.loss / worst)}%` })] : [])), found = this.state.found, beside = [found?.floor?.agreement ?? 1, found?.agreement] as const;
    const toggle = el("button", { class: "integers-toggle", "aria-pressed": String(isKept), title: isKept ? t("Computed with floats. Press to take it back to integers.") : reason !== undefined ? t("{0} Press to keep it there.", reason) : t("Compute this layer with floats; its weight stays compressed") }, ...(floats ? [icon("check")] : []), floats ? t("In Floats") : t("Keep in Floats"));
    toggle.setAttribute("aria-label", t("Keep {0} in floats", label));
    toggle.addEventListener("click", () => this.actions.setFloats(id, !isKept));
    return el("div", { class: "integers-row", role: "row", "data-id": id },
      el("span", { class: "integers-c0", role: "cell" }, name, ...warnings.map((warning) => warningSign(warning))),
      el("span", { class: "integers-c1", role: "cell", title: alone && lossText(alone) }, ...(alone ? [bar, el("span", { class: "integers-loss number" }, format.nats(alone.loss))] : ["–"])),
      ...[alone, without].map((effect, i) => effectCell(effect, { class: `integers-c${i + 2} number`, samples: found?.samples, beside: beside[i] })), el("span", { class: "integers-c4", role: "cell" }, toggle));
  }

  /** What the samples can tell, where agreements stand there that they do not tell apart. */
  private resolution(measured: readonly IntegerFacts[]): HTMLElement[] {
    const { floor, agreement, samples = 0 } = this.state.found ?? {};
    if (!measured.some(({ alone, without }) => alone && isUntold(alone, floor?.agreement ?? 1, samples) || without && isUntold(without, agreement, samples))) return [];
    return [el("p", { class: "integers-resolution" }, t("≈ Not told apart by {0} images: it alone from no layer in integers, all but it from all layers.", format.whole(samples)))];
  }

  /** Warnings that concern no layer, as of the network's input. */
  private loose(all: readonly IntegerFacts[]): HTMLElement[] {
    const shown = new Set(all.flatMap(({ warnings }) => warnings));
    return (all.length ? this.state.found?.warnings ?? [] : []).filter(({ text }) => !shown.has(text)).map(({ text }) => el("p", { class: "integers-warning" }, icon("warning"), el("span", {}, text)));
  }

  /** What was typed, where it makes sense: 99, 99 %, 99,5 %. */
  private take(): void {
    const text = this.agreement.value.trim().replace(",", ".").replace(/\s*%$/, ""), percent = Number(text), isGood = text === "" || percent > 0 && percent <= 100;
    this.agreement.classList.toggle("wrong", !isGood);
    this.mistyped = isGood ? undefined : this.agreement.value;
    this.showNote();
    if (isGood) this.actions.change([{ path: ["integers", "agreement"], value: text === "" ? undefined : Number((percent / 100).toFixed(6)) }]);
  }
}

/** What bars and the line across them mean, and why this order is not that of sensitivity. */
function legendOf(floor: IntegerEffect | undefined, isOfOutputs: boolean): HTMLElement {
  const key = (kind: string, text: string): HTMLElement => el("p", {}, el("i", { class: `integers-${kind}`, "aria-hidden": "true" }), el("span", {}, text));
  const bar = isOfOutputs ? t("Bar: how far the outputs are off when only this layer computes with integers.") : t("Bar: how far predictions move when only this layer computes with integers.");
  const line = floor && (floor.agreement === undefined ? t("Line: how far they are off when no layer does: compressed weights alone, squared error {0}.", format.nats(floor.loss)) : t("Line: how far they move when no layer does: compressed weights alone, {0} nats, agreement {1}.", format.nats(floor.loss), effectText(floor)));
  return el("div", { class: "integers-legend" }, key("key-bar", bar), ...(line === undefined ? [] : [key("key-line", line), key("key-none", t("Right of the line is what integers cost. A bar that ends before it: integers happen to undo a part of what the weights cost."))]),
    key("key-none", t("Sensitivity, in the table, is about fewer bits for the weights, so its order is another.")));
}

/** An agreement with its interval on hover; weak and with a sign where the samples do not tell it from what it stands beside: the network without integers, or all in them. */
function effectCell(effect: IntegerEffect | undefined, { class: name, samples = 0, beside }: { class: string; samples?: number; beside?: number }): HTMLElement {
  if (!effect) return el("span", { class: name, role: "cell" }, "–");
  const { agreement } = effect, isUnsure = isUntold(effect, beside, samples), [low, high] = agreement === undefined ? [] : wilson(agreement, samples).map((share) => format.tenths(100 * share));
  const range = agreement === undefined || !samples ? [] : [t("Agreement {0} on {1} images; 95 %: {2} to {3}.", format.estimate(agreement), format.whole(samples), low!, high!)], untold = isUnsure && beside !== undefined ? [t("So many images cannot tell it from {0}.", format.estimate(beside))] : [];
  return el("span", { class: isUnsure ? `${name} untold` : name, role: "cell", title: [...range, ...untold, lossText(effect)].join("\n") }, isUnsure ? `≈\u2009${effectText(effect)}` : effectText(effect));
}

const isUntold = ({ agreement }: IntegerEffect, beside: number | undefined, samples: number): boolean => agreement !== undefined && beside !== undefined && samples > 0 && !isTold(beside, agreement, samples);

/** A sign that says on hover, and aloud, what is the matter. */
export const warningSign = (text: string): HTMLElement => {
  const sign = icon("warning");
  sign.classList.add("integers-sign");
  sign.title = text;
  sign.setAttribute("role", "img");
  sign.setAttribute("aria-label", text);
  sign.removeAttribute("aria-hidden");
  return sign;
};

const lossText = ({ agreement, loss }: IntegerEffect): string => (agreement === undefined ? t("relative squared error {0}", format.nats(loss)) : t("divergence {0} nats", format.nats(loss)));
