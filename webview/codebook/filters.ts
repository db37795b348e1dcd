import { iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Noun } from "./nouns";
import { sampleOf, type Chosen } from "./selection";
import { rankedFilters } from "./shelf";

/** So many filters are listed; the others have fewer. */
const MOST_FILTERS = 512;

/** The output channels that use what is chosen, those that use most of it first. */
export class Filters {
  readonly element = el("section", { class: "book-pane book-filters", hidden: true });
  private readonly heading = el("h3");
  private readonly note = el("small");
  private readonly list = el("ol", { class: "filters", tabindex: 0 });
  private chosen: Chosen | undefined;

  /** @param copy puts a text on the clipboard */
  constructor(copy: (text: string) => void) {
    this.element.append(el("header", { class: "book-title" }, this.heading, this.note, el("span", { class: "turn" }, iconButton({ label: t("Copy Filters as Table"), icon: "copy", onClick: () => { if (this.chosen) copy(filtersText(this.chosen)); } }))), this.list);
  }

  show(chosen: Chosen, noun: Noun): void {
    this.chosen = chosen;
    const { facts: { channels }, shelf: { perRow } } = chosen, sample = sampleOf(chosen), ranked = rankedFilters(channels), most = ranked[0]?.count ?? 1;
    this.heading.textContent = t("Filters with these {0}", noun.many);
    const order = ranked.length > MOST_FILTERS ? t("the first {0}", format.whole(MOST_FILTERS)) : t("most first");
    this.note.replaceChildren(el("span", {}, t("{0} of {1} filters", format.whole(ranked.length), format.whole(channels.length))), el("span", { class: "note-more" }, ` · ${sample === undefined ? order : t("in a sample of {0}", format.whole(sample))}`));
    this.note.title = this.note.textContent ?? "";
    this.list.setAttribute("aria-label", this.heading.textContent);
    this.list.scrollTop = 0;
    this.list.replaceChildren(...ranked.slice(0, MOST_FILTERS).map(({ channel, count }) => {
      const bar = el("span", { class: "filter-bar" }, el("span")), share = sample === undefined ? format.percent(count / perRow) : "";
      (bar.firstChild as HTMLElement).style.width = `${100 * count / most}%`;
      const title = sample === undefined ? t("Filter {0}: {1} of its {2} {3}, {4}", channel, format.whole(count), format.whole(perRow), noun.many, share) : t("Filter {0}: {1} of its {2}, of those in the sample", channel, format.whole(count), noun.many);
      return el("li", { title }, el("span", {}, t("filter {0}", channel)), bar, el("b", {}, format.whole(count)), el("small", {}, share));
    }));
  }
}

/** For a table elsewhere: plain numbers between tabs. */
function filtersText(chosen: Chosen): string {
  const { facts: { channels }, shelf: { perRow } } = chosen, isSample = sampleOf(chosen) !== undefined;
  return [["filter", isSample ? "chosen in the sample" : "chosen", ...(isSample ? [] : ["of"])], ...rankedFilters(channels).map(({ channel, count }) => [channel, count, ...(isSample ? [] : [perRow])])].map((cells) => `${cells.join("\t")}\n`).join("");
}
