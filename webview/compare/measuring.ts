import type { AccuracyState } from "../../src/protocol/accuracy";
import { allImagesText } from "../accuracy/all-images";
import { button } from "../controls";
import { el, icon } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

export interface MeasuringActions { measure(): void; cancel(): void; chooseData(): void; showLog(): void }

/** A line under the header: how far measuring is, or why it ended early and the ways on. */
export class Measuring {
  readonly element = el("div", { class: "acc-notice cmp-notice", hidden: true });
  /** That figures flatter, where the model was fitted to these images. */
  readonly fitted = el("p", { class: "cmp-fitted", role: "note", hidden: true });
  private readonly running: HTMLElement[];
  private readonly stopped: HTMLElement[];
  private readonly text = el("span", { role: "status" });
  private readonly alert = el("span", { role: "alert" });
  private readonly bar = el("progress", { "aria-label": t("Measuring") });

  constructor(actions: MeasuringActions) {
    const small = (label: string, onClick: () => void) => button({ label, small: true, onClick });
    this.running = [this.text, this.bar, small(t("Cancel"), () => actions.cancel())];
    this.stopped = [this.alert, small(t("Choose Data Folder…"), () => actions.chooseData()), small(t("Try Again"), () => actions.measure()), small(t("Show Log"), () => actions.showLog())];
  }

  show({ running, measured, cancelled, error, subject }: AccuracyState): void {
    this.fitted.hidden = !measured || running || !subject.allImages || subject.isFittedTo !== true;
    if (!this.fitted.hidden) this.fitted.replaceChildren(icon("info"), el("span", {}, allImagesText(subject)));
    const count = measured && t("{0} of {1} images", format.whole(measured.samples), format.whole(measured.total));
    const why = error ?? (cancelled && count ? t("Cancelled after {0}. The figures are of these.", count) : undefined), parts = running ? this.running : why === undefined ? [] : this.stopped;
    this.element.hidden = !parts.length;
    if (this.element.firstChild !== (parts[0] ?? null)) this.element.replaceChildren(...parts);
    this.alert.textContent = why ?? "";
    this.text.textContent = count ? t("Measuring: {0}", count) : t("Measuring: both models are opened");
    if (!measured) { this.bar.removeAttribute("value"); return; } // it moves until there is something to count
    this.bar.max = measured.total;
    this.bar.value = measured.samples;
  }
}
