import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { DELAY, mannerOf, parseTuning, recipeTuning, withMannerOf, type Noise, type RecipeTuning } from "../../src/protocol/tuning";
import { field, select } from "../controls";
import { el } from "../dom";
import { t } from "../l10n";

const MINUTES = [5, 15, 30, 60];
/** Noises that are offered; a text may have others. */
const NOISES: readonly Noise[] = [{ kind: "codeword", p: 0.1 }, { kind: "zero", p: 0.1 }, { kind: "int8", p: 0.5 }, { kind: "int4", p: 0.5 }];
type Choice = "off" | `${number}m` | "time" | "steps";

/** Whether and how long the compressed network is trained: off, a time, or a number of steps, as the text has it. */
export class TuningSetting {
  readonly element = el("section", { class: "tuning" });
  private readonly place = el("span", { class: "tuning-choice" });
  private readonly manner = el("div", { class: "tuning-manner" });
  private readonly note = el("p", { class: "tuning-note", role: "status" });
  private readonly own: HTMLElement & { value: string };
  private tune: RecipeTuning = "none";
  private hasImages = false;
  /** Of integers: from which share of the steps on activations are rounded, if the text says so. */
  private rounding: { isOffered: boolean; delay?: number } = { isOffered: false };
  /** What is asked for in the field, until the text says it. */
  private asking: "time" | "steps" | undefined;

  /** What is wrong with what was typed. */
  wrong: string | undefined;

  /** @param judged what was typed makes sense now, or no longer */
  constructor(private readonly change: (changes: RecipeChange[]) => void, private readonly judged: () => void) {
    this.own = field({ label: "", onInput: () => undefined, onKey: (event) => {
      if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) this.take();
      if (event.key === "Escape") this.leave();
    } });
    this.own.addEventListener("change", () => this.take());
    this.own.addEventListener("focusout", () => { if (this.own.value.trim() === "") this.leave(); });
    this.own.classList.add("tuning-own");
    this.element.append(el("div", { class: "recipe-row" }, el("h2", {}, t("Fine-tune")), this.own, this.place), this.manner, this.note);
  }

  show({ tune = "none", data, inference, integers }: RecipeView): void {
    const delay = integers?.delay;
    this.rounding = { isOffered: inference === "integer", delay: typeof delay === "number" ? delay : undefined };
    this.hasImages = data?.folder !== undefined;
    if (JSON.stringify(tune) !== JSON.stringify(this.tune)) this.asking = undefined;
    this.tune = tune;
    this.draw();
  }

  /** The list and the field say what the text says. */
  private draw(): void {
    const { tune, asking, own, place, hasImages } = this, chosen = asking ?? choiceOf(tune), isOff = !hasImages && tune === "none", key = `${chosen} ${isOff}`;
    own.hidden = chosen !== "time" && chosen !== "steps";
    const label = chosen === "steps" ? t("Steps, like 2000") : t("Time, like 45m or 2h");
    own.setAttribute("aria-label", label);
    own.setAttribute("placeholder", chosen === "steps" ? t("like 2000") : t("like 45m or 2h"));
    if (own !== document.activeElement && !own.contains(document.activeElement)) {
      own.value = asking || tune === "none" ? "" : "steps" in tune ? String(tune.steps) : tune.duration;
      this.judge(undefined);
    }
    this.showManner();
    if (this.wrong === undefined) this.say(hintOn(tune, hasImages), !hasImages && tune !== "none");
    if (place.dataset.value === key) return;
    place.dataset.value = key;
    const values: { value: Choice; text: string }[] = [{ value: "off", text: t("Off") }, ...MINUTES.map((minutes) => ({ value: `${minutes}m` as const, text: t("{0} minutes", minutes) })), { value: "time", text: t("Own Time") }, { value: "steps", text: t("Number of Steps") }];
    const list = select<Choice>({ label: t("Fine-tune"), values, value: chosen, onChange: (choice) => this.choose(choice) });
    list.toggleAttribute("disabled", isOff);
    list.title = isOff ? t("Training needs images: choose a folder first.") : "";
    place.replaceChildren(list);
  }

  /** In which way it trains: the labels' share, the order of layers, noise. */
  private showManner(): void {
    const { tune, manner, rounding: { isOffered, delay } } = this, key = tune === "none" ? "" : JSON.stringify([mannerOf(tune), isOffered, delay]);
    manner.hidden = tune === "none";
    if (tune === "none" || manner.dataset.value === key) return;
    manner.dataset.value = key;
    const { labels, schedule = "endToEnd", noise } = tune, orders = { endToEnd: t("all at once"), iterative: t("one after another"), joint: t("together with the plan") };
    manner.replaceChildren(
      this.list(t("Labels"), ["tune", "labels"], labels || undefined, [undefined, 0.1, 0.3], (share) => (share === undefined ? t("not used") : t("{0} % of the loss", Math.round(100 * share))), t("Labels come from folders by class; without them training follows the original alone.")),
      this.list(t("Layers"), ["tune", "schedule"], schedule === "endToEnd" ? undefined : schedule, [undefined, "iterative", "joint"] as const, (one) => orders[one ?? "endToEnd"], t("One after another: what is not quantized yet is trained to take up what was lost. Together with the plan: how many bytes each layer gets follows the weights while they are trained.")),
      this.list(t("Noise"), ["tune", "noise"], noise, [undefined, ...NOISES], (one) => (one === undefined ? t("none") : t("{0}, {1} %", noiseName(one), Math.round(100 * one.p))), t("For a part of the training weights are not quantized yet; so many of their blocks are seen as if they were.")),
      ...(isOffered ? [this.list(t("Rounding"), ["integers", "delay"], delay, [undefined, 0, DELAY, 1], (share) => (share === undefined ? t("where it matters") : share === 0 ? t("from the start") : share === 1 ? t("never") : t("after {0} %", Math.round(100 * share))), t("After which share of its steps training sees activations rounded to 8 bits, as the file has them. The network is judged with them rounded in any case."))] : []),
    );
  }

  /** A list whose first value is what applies where the text says nothing. */
  private list<Value>(name: string, place: string[], value: Value | undefined, offered: readonly (Value | undefined)[], text: (value: Value | undefined) => string, title: string): HTMLElement {
    const isOffered = offered.some((one) => JSON.stringify(one) === JSON.stringify(value)), all = isOffered ? offered : [...offered, value];
    const list = select({ label: name, values: all.map((one, i) => ({ value: String(i), text: text(one) })), value: String(all.findIndex((one) => JSON.stringify(one) === JSON.stringify(value))), onChange: (i) => this.change([{ path: place, value: all[Number(i)] }]) });
    list.title = title;
    return el("label", { class: `tuning-${place[1]}` }, el("span", {}, name), list);
  }

  private choose(choice: Choice): void {
    this.asking = choice === "time" || choice === "steps" ? choice : undefined;
    if (this.asking === undefined) { this.write(choice === "off" ? "none" : recipeTuning(choice)); return; }
    if (this.asking === choiceOf(this.tune)) this.asking = undefined;
    this.draw();
    this.own.focus();
  }

  /** What stands in the field, where it makes sense. */
  private take(): void {
    const text = this.own.value.trim().replace(",", "."), asked = this.asking ?? choiceOf(this.tune);
    if (text === "") return;
    try {
      const tuning = recipeTuning(asked === "steps" && /^\d+$/.test(text) ? `${text}steps` : text);
      this.judge(undefined);
      this.write(tuning);
    } catch (error) {
      this.judge(error instanceof Error ? error.message : String(error));
    }
  }

  private judge(wrong: string | undefined): void {
    const isNew = wrong !== this.wrong;
    this.wrong = wrong;
    this.own.classList.toggle("wrong", wrong !== undefined);
    if (wrong !== undefined) this.say(wrong, true);
    if (isNew) {
      this.judged();
      if (wrong !== undefined) this.note.scrollIntoView({ block: "nearest" });
    }
  }

  private say(text: string, isBad: boolean): void {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.classList.toggle("bad", isBad);
  }

  private leave(): void {
    this.asking = undefined;
    this.judge(undefined);
    this.draw();
  }

  private write(length: RecipeTuning): void {
    const tuning = withMannerOf(length, this.tune);
    if (JSON.stringify(tuning) === JSON.stringify(this.tune)) { this.leave(); return; }
    this.change([{ path: ["tune"], value: tuning === "none" ? undefined : tuning }]);
  }
}

function hintOn(tune: RecipeTuning, hasImages: boolean): string {
  if (!hasImages) return tune === "none" ? t("Training needs images: choose a folder first.") : t("Training needs images: choose a folder, or turn this off.");
  return tune === "none" ? t("Training on the images can bring back much of what a small file loses.") : "duration" in tune ? t("Trains until the time is up, and keeps the best.") : t("Trains so many steps, and keeps the best: the same file every time, unless it is ended early.");
}

/** The entry of the list that stands for what the text says. */
function choiceOf(tune: RecipeTuning): Choice {
  if (tune === "none") return "off";
  if ("steps" in tune) return "steps";
  const minutes = MINUTES.find((minutes) => secondsOf(tune.duration) === 60 * minutes);
  return minutes === undefined ? "time" : `${minutes}m`;
}

function secondsOf(duration: string): number | undefined {
  try {
    const length = parseTuning(duration);
    return length && "seconds" in length ? length.seconds : undefined;
  } catch {
    return undefined; // the page says what is wrong with the text
  }
}

const noiseName = ({ kind }: Noise): string => ({ codeword: t("codewords"), zero: t("zeros"), int8: t("8 bits"), int4: t("4 bits") })[kind];
