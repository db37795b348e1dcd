import type { AccuracyHostApi, AccuracyState, Flip, Measured, Reported, Trace } from "../../src/protocol/accuracy";
import type { TuningReport } from "../../src/protocol/report";
import { button } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { timeLeft } from "../job-words";
import { t } from "../l10n";
import { stateOf } from "../state";
import { tunedText } from "../tuned-text";
import { allImagesText } from "./all-images";
import { ClassChart } from "./classes";
import { Figures } from "./figures";
import { Flips } from "./flips";
import type { FlipChoice } from "./order";
import { Outputs } from "./outputs";
import { Pictures } from "./pictures";
import { sampleName } from "./sample-name";
import { reportedFigures } from "./reported";
import { TraceChart } from "./trace-chart";

/** Both models may take a while with one sample: keys that are held down do not ask for each. */
const SETTLE_MS = 120;
const CARD_SIDE = 64, LARGE_SIDE = 256;

export interface AccuracyActions {
  host: AccuracyHostApi;
  /** A layer is selected in all views. */
  select(layer: string): void;
  /** And shown in the graph. */
  open(layer: string): void;
  showLog(): void;
  manageTrust(): void;
  changed(choice: AccuracyChoice): void;
}
export interface AccuracyChoice { flips?: FlipChoice; sample?: number }

/** What compression cost: figures that run while samples do, the samples that flipped, and where along the network one went wrong. It takes whichever two models its host stands for. */
export class AccuracyView {
  readonly element = el("div", { class: "accuracy" });
  /** Images, original, and *Measure* or *Cancel*, for the end of the bar. */
  readonly controls = el("div", { class: "acc-controls" });
  private readonly figures = new Figures();
  private readonly flips: Flips;
  private readonly outputs: Outputs;
  private readonly trace: TraceChart;
  private readonly classes = new ClassChart();
  private readonly large: Pictures;
  private readonly small: Pictures;
  private readonly portrait = el("figure", { class: "acc-portrait" });
  private readonly sample = el("section", { class: "acc-sample", "aria-label": t("Selected image") });
  private readonly all = el("p", { class: "acc-note acc-all-images", hidden: true });
  private readonly before = el("p", { class: "acc-note acc-before-tuning", hidden: true }, t("Before fine-tuning: the training that the recipe asks for is not part of this."));
  private readonly tuned = el("p", { class: "acc-note acc-tuned", hidden: true });
  private readonly notice = el("div", { class: "acc-notice", hidden: true });
  private readonly live = el("span", { class: "unseen", role: "status" });
  private readonly panes = el("div", { class: "acc-panes" });
  private state: AccuracyState | undefined;
  private selected: number | undefined;
  private following: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private told = -1;

  constructor(private readonly actions: AccuracyActions, choice: AccuracyChoice = {}) {
    const { host } = actions, choose = (position: number) => this.select(position), open = () => this.openFault();
    this.small = new Pictures((positions, side) => host.thumbnails(positions, side), CARD_SIDE);
    this.large = new Pictures((positions, side) => host.thumbnails(positions, side), LARGE_SIDE);
    this.flips = new Flips(this.small, choice.flips, choose, open, (flips) => actions.changed({ flips, sample: this.selected }));
    this.outputs = new Outputs(this.small, choose, open);
    this.trace = new TraceChart((layer) => actions.select(layer), (layer) => actions.open(layer));
    this.selected = choice.sample;
    this.sample.append(this.portrait, this.classes.element);
    this.element.append(this.live, this.figures.element, this.before, this.tuned, this.all, this.notice, this.panes);
  }

  /** Asks the host what is known; later changes come through {@link show}. */
  async load(): Promise<void> {
    try {
      this.show(await this.actions.host.accuracy());
    } catch (error) {
      this.element.replaceChildren(stateOf("error", t("Accuracy cannot be shown"), sentenceOf(error)));
    }
  }

  show(state: AccuracyState): void {
    const before = this.state, { measured, subject, running } = state, other = before && (before.subject.compressed !== subject.compressed || before.subject.original !== subject.original || before.subject.data !== subject.data);
    this.state = state;
    if (other || (before?.measured && !measured) || (running && !before?.running)) this.forget();
    this.showControls();
    this.tell(state);
    const empty = measured ? undefined : this.emptyState(state);
    if (empty) { this.element.replaceChildren(this.live, empty); this.element.dataset.shown = "state"; return; }
    if (this.element.dataset.shown !== "figures") this.element.replaceChildren(this.live, this.figures.element, this.before, this.tuned, this.all, this.notice, this.panes);
    this.element.dataset.shown = "figures";
    this.element.dataset.samples = String(measured?.samples ?? 0);
    this.before.hidden = !subject.beforeTuning;
    this.tuned.hidden = !state.tuning;
    this.tuned.textContent = state.tuning ? tunedText(state.tuning) : "";
    this.all.hidden = !subject.allImages;
    this.all.textContent = allImagesText(subject);
    this.showNotice(state);
    if (measured) this.showMeasured(measured, running);
  }

  /** The layer that all views share. */
  selectLayer(layer: string | undefined): void { this.trace.select(layer); }

  /** Keys that nothing else in the page takes. */
  key(event: KeyboardEvent): void {
    const cards = this.state?.measured?.classifier ? this.flips.cards : this.outputs.cards;
    if (this.element.dataset.shown === "figures" && cards.key(event)) { cards.element.focus(); event.preventDefault(); }
  }

  private showMeasured(measured: Measured, running: boolean): void {
    const { classifier } = measured, list = classifier ? this.flips : this.outputs;
    this.figures.show(measured);
    list.show(measured);
    const kind = classifier ? "classifier" : "outputs";
    if (this.panes.dataset.kind !== kind) this.panes.replaceChildren(el("div", { class: "acc-left" }, ...(classifier ? [this.flips.element, this.sample] : [this.outputs.element])), this.trace.element);
    this.panes.dataset.kind = kind;
    this.sample.hidden = !this.known(this.selected);
    list.cards.select(this.known(this.selected) ? this.selected : undefined);
    if (running && this.following === undefined) this.trace.say(t("Choose an image to follow it from layer to layer; otherwise the one that changed most follows once all have run."));
    if (running) return; // figures first: following samples takes the same processors
    if (!this.known(this.selected)) this.selected = undefined;
    if (this.following) return;
    this.select(this.selected ?? list.cards.first);
  }

  private known(position: number | undefined): boolean {
    const { measured } = this.state ?? {};
    return position !== undefined && measured !== undefined && (measured.flips.some((flip) => flip.position === position) || measured.deviations.some((deviation) => deviation.position === position));
  }

  private select(position: number | undefined): void {
    const { measured } = this.state ?? {};
    if (!measured) return;
    if (position !== this.selected) this.actions.changed({ sample: position });
    this.selected = position;
    (measured.classifier ? this.flips : this.outputs).cards.select(position);
    const flip = measured.flips.find((one) => one.position === position);
    this.sample.hidden = flip === undefined;
    if (flip) this.showPortrait(flip);
    this.follow(position);
  }

  private showPortrait({ position, name: given }: Flip): void {
    const name = sampleName(given);
    this.portrait.replaceChildren(this.large.of(position, name), el("figcaption", { title: name }, name));
  }

  /** Asks how a sample, or the band alone, goes through both networks. The newest question wins; older lines stay until it is answered. */
  private follow(position: number | undefined): void {
    this.following?.abort();
    const following = this.following = new AbortController(), isLast = () => this.following === following;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const show = (trace: Trace): void => { if (isLast()) this.showTrace(trace); };
      this.trace.element.dataset.stale = "";
      this.actions.host.trace(position, show, following.signal).then((trace) => { show(trace); if (isLast()) this.trace.element.dataset.sample = String(position ?? ""); }, (error: unknown) => { if (isLast()) this.trace.say(sentenceOf(error)); }).finally(() => { if (isLast()) delete this.trace.element.dataset.stale; });
    }, SETTLE_MS);
  }

  private showTrace(trace: Trace): void {
    const { measured } = this.state ?? {}, flip = measured?.flips.find(({ position }) => position === trace.sample?.position);
    this.trace.show(trace);
    this.classes.show(trace.sample, measured?.classes, flip ? [flip.original[0].class, flip.compressed[0].class] : []);
    this.outputs.showSample(trace.sample);
  }

  private openFault(): void {
    const { fault } = this.trace;
    if (fault !== undefined) this.actions.open(fault);
  }

  /** Other models, other images, or a new run. */
  private forget(): void {
    this.following?.abort();
    this.following = undefined;
    clearTimeout(this.timer);
    for (const pictures of [this.small, this.large]) pictures.clear();
    for (const { cards } of [this.flips, this.outputs]) cards.clear();
    this.trace.show(undefined);
  }

  private showControls(): void {
    const { host } = this.actions, { subject, running, measured } = this.state!, ready = subject.trusted && subject.original !== undefined && subject.data !== undefined;
    // figures come many times a second: a button that is another one by then takes no click
    const shown = JSON.stringify([subject.data, subject.original, running, ready, measured !== undefined]);
    if (this.controls.dataset.shown === shown) return;
    this.controls.dataset.shown = shown;
    const choice = (label: string, text: string, symbol: string, title: string, onClick: () => void) => el("label", { class: "acc-choice" }, el("span", {}, label), button({ label: text, icon: symbol, small: true, title: `${text}\n${title}`, onClick }));
    const verb = (label: string, symbol: string, onClick: () => void) => button({ label, icon: symbol, small: true, title: label, onClick }); // where its words fold away the hover has them
    this.controls.replaceChildren(
      ...(subject.data === undefined ? [] : [choice(t("Images"), subject.data, "folder", t("Choose Data Folder…"), () => void host.chooseData())]),
      ...(subject.original === undefined ? [] : [choice(t("Compared with"), subject.original, "layers", t("Choose Original…"), () => void host.chooseOriginal())]),
      ...(running ? [verb(t("Cancel"), "debug-stop", () => void host.cancelMeasure())]
        : ready ? [measured ? verb(t("Run Again"), "refresh", () => void host.measure()) : verb(t("Measure"), "play", () => void host.measure())] : []));
  }

  /** What is missing before there are figures, and the one step to them. */
  private emptyState({ subject, running, making, error, cancelled, reported, tuning }: AccuracyState): HTMLElement | undefined {
    const { host, manageTrust, showLog } = this.actions, { original, data, compressed, trusted } = subject;
    if (!trusted) return stateOf("shield", t("Measuring needs a trusted folder"), t("It runs both models on your images. Looking at them works without."), button({ label: t("Manage Trust"), primary: true, onClick: manageTrust }));
    if (original === undefined) return stateOf("layers", t("Compared with which model?"), t("Accuracy is what compression cost: {0} is run beside the model that it was made of.", compressed), button({ label: t("Choose Original…"), primary: true, onClick: () => void host.chooseOriginal() }));
    const choose = button({ label: t("Choose Data Folder…"), primary: true, onClick: () => void host.chooseData() });
    if (reported && !making && !running && error === undefined) return reportedState(reported, tuning, compressed, data, data === undefined ? choose : button({ label: t("Measure"), primary: true, onClick: () => void host.measure() }));
    if (data === undefined) return stateOf("folder-opened", t("Measured on which images?"), t("{0} and {1} are run on the images of a folder: one subfolder a class, or images.npy with labels.npy.", original, compressed), choose);
    if (making) return this.progressState(making, compressed);
    if (running) return stateOf("loading", t("Measuring"), t("Both models are opened; figures come with the first images of {0}.", data));
    const measure = (label: string) => button({ label, primary: true, onClick: () => void host.measure() });
    if (error !== undefined) return stateOf("error", t("Measuring stopped"), error, measure(t("Try Again")), button({ label: t("Show Log"), onClick: showLog }));
    return stateOf(cancelled ? "circle-slash" : "pulse", cancelled ? t("Cancelled before the first figures") : t("Nothing is measured yet"), t("{0} and {1} are run on the images of {2}. Nothing is written.", original, compressed, data), measure(t("Measure")));
  }

  /** What is measured is still being made; nothing of it is kept as a file of the user's. */
  private progressState({ text, fraction, secondsLeft }: NonNullable<AccuracyState["making"]>, name: string): HTMLElement {
    const state = stateOf("pulse", t("Trying out {0}", name), `${text}${secondsLeft === undefined ? "" : ` · ${timeLeft(secondsLeft)}`}`), bar = el("progress");
    bar.max = 1;
    bar.value = fraction;
    bar.setAttribute("aria-label", t("Trying out {0}", name));
    state.querySelector(".row")?.append(bar);
    return state;
  }

  /** A line over what is known: how far it is, or why it is not more. */
  private showNotice({ running, measured, cancelled, error, subject }: AccuracyState): void {
    if (!measured) return;
    const { samples, total, secondsLeft, warnings: [warning] } = measured, count = t("{0} of {1} images", format.whole(samples), format.whole(total));
    this.notice.hidden = !running && !cancelled && error === undefined && warning === undefined;
    if (running) {
      const bar = el("progress");
      bar.max = total;
      bar.value = samples;
      bar.setAttribute("aria-label", t("Measuring"));
      this.notice.replaceChildren(el("span", {}, `${t("Measuring: {0}", count)}${secondsLeft === undefined ? "" : ` · ${timeLeft(secondsLeft)}`}`), bar);
    } else if (error !== undefined) this.notice.replaceChildren(el("span", { role: "alert" }, t("Measuring stopped at {0}; the figures up to there are kept. {1}", count, error)));
    else if (cancelled) this.notice.replaceChildren(el("span", {}, t("Cancelled after {0}. The figures are of these.", count)));
    else if (warning !== undefined) this.notice.replaceChildren(el("span", {}, warning));
    this.element.setAttribute("aria-label", t("Accuracy of {0} on {1}", subject.compressed, subject.data ?? ""));
  }

  /** A screen reader hears of the start, of each quarter and of the end, not of every batch. */
  private tell({ measured, running }: AccuracyState): void {
    const quarter = running ? Math.floor(4 * (measured?.samples ?? 0) / (measured?.total ?? 1)) : -1;
    if (quarter === this.told) return;
    this.told = quarter;
    this.live.textContent = running ? t("Measuring: {0} %", 25 * quarter) : measured ? t("Measured {0} of {1} images", format.whole(measured.samples), format.whole(measured.total)) : "";
  }
}

/** What the compression has told of this pair, before anybody has measured it here. */
function reportedState(reported: Reported, tuning: TuningReport | undefined, compressed: string, data: string | undefined, next: HTMLElement): HTMLElement {
  const more = data === undefined ? t("Measuring on a folder of images also shows which of them changed, and where.") : t("Measuring runs all images of {0}, and shows which of them changed, and where.", data);
  const state = stateOf("pulse", t("Measured when it was compressed"), `${t("{0} beside its original, on {1} images that the fit did not see.", compressed, format.whole(reported.samples))} ${tuning ? `${tunedText(tuning)} ` : ""}${more}`, next);
  state.querySelector("h1")?.after(el("div", { class: "acc-reported" }, ...reportedFigures(reported).map(([value, name]) => el("div", { class: "figure" }, el("b", {}, value), el("small", {}, name)))));
  return state;
}

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
