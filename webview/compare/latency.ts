import type { LatencyState } from "../../src/protocol/compare";
import type { LatencyReport } from "../../src/protocol/report";
import { button, iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** How long both models take: a figure in the header, and a line under it while that is measured or where it failed. */
export class LatencyView {
  readonly element = el("div", { class: "acc-notice cmp-timing", hidden: true });
  private state: LatencyState | undefined;
  private readonly text = el("span", { role: "status" });
  private readonly alert = el("span", { role: "alert" });
  private readonly bar = el("progress", { "aria-label": t("Measuring latency") });
  private readonly running: HTMLElement[];
  private readonly stopped: HTMLElement[];

  constructor(private readonly actions: { measure(): void; cancel(): void; showLog(): void }) {
    const small = (label: string, onClick: () => void) => button({ label, small: true, onClick });
    this.running = [this.text, this.bar, small(t("Cancel"), () => actions.cancel())];
    this.stopped = [this.alert, small(t("Try Again"), () => actions.measure()), small(t("Show Log"), () => actions.showLog())];
  }

  /** @returns whether its figure is another one now */
  show(state: LatencyState): boolean {
    const before = this.state;
    this.state = state;
    const { running, error } = state, parts = running ? this.running : error === undefined ? [] : this.stopped;
    this.element.hidden = !parts.length;
    if (this.element.firstChild !== (parts[0] ?? null)) this.element.replaceChildren(...parts);
    this.alert.textContent = error ?? "";
    this.text.textContent = running ? t("Measuring latency: {0}", running.text) : "";
    this.bar.value = running?.fraction ?? 0;
    return !before || !before.running !== !running || before.error !== error;
  }

  /** What was measured, and the step to it. */
  figures(trusted: boolean): HTMLElement[] {
    const { state } = this;
    if (!state || state.running) return [];
    const { found, error } = state, step = trusted && error === undefined ? [el("div", { class: "cmp-step" }, found ? iconButton({ label: t("Measure Latency Again"), icon: "watch", onClick: () => this.actions.measure() }) : latencyButton(() => this.actions.measure()))] : [];
    return found ? [el("div", { class: "figure cmp-measured cmp-latency", title: hoverOf(found) }, el("b", {}, format.milliseconds(found.before, found.after)), el("small", {}, t("measured here"))), ...step] : step;
  }
}

/** The first step to it, with the word that tells what the clock is. */
function latencyButton(onClick: () => void): HTMLElement {
  const first = button({ label: t("Latency"), icon: "watch", small: true, title: t("Measure Latency"), onClick });
  first.setAttribute("aria-label", t("Measure Latency"));
  first.classList.add("cmp-clock");
  return first;
}

/** All that the figure rests on. */
function hoverOf({ ratio, interval: [low, high], pairs, threads, device, batch }: LatencyReport): string {
  const times = ratio <= 1 ? t("The compressed model takes {0} of the original’s time (95 %: {1} to {2}).", ...[ratio, low, high].map(format.wholePercent)) : t("The compressed model takes {0} times as long (95 %: {1} to {2}).", ...[ratio, low, high].map(format.hundredths));
  const where = device === "cpu" ? "CPU" : device, counted = format.whole(pairs);
  return [batch === 1 ? t("For one image, before and after.") : t("For {0} images at once, before and after.", format.whole(batch)), times, threads === 1 ? t("Medians of {0} pairs of runs that alternate, on {1} with 1 thread.", counted, where) : t("Medians of {0} pairs of runs that alternate, on {1} with {2} threads.", counted, where, threads), t("Measured on this machine; another one, or another runtime, takes other times.")].join("\n");
}
