import type { UmapPlaces, UmapProgress } from "../../src/protocol/api";
import { button } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Plane } from "./lasso";
import type { Noun } from "./nouns";
import type { Shelf } from "./shelf";

/** UMAPs that are kept: each has the places of a few thousand points. */
const KEPT = 24;

/** The switch between the planes of a codebook: principal axes, which are there at once, and UMAP, which is made on request and kept with the page. */
export class Planes {
  readonly element = el("div", { class: "book-planes", role: "radiogroup", "aria-label": t("Plane") });
  readonly progress = el("div", { class: "book-making", hidden: true });
  private readonly line = el("span", { role: "status" });
  private readonly bar = el("progress", { "aria-label": t("Progress of UMAP") });
  private readonly options: [Plane, HTMLElement][];
  private readonly kept = new Map<string, UmapPlaces>();
  private shown: { shelf: Shelf; noun: Noun } | undefined;
  private running: AbortController | undefined;
  /** What is seen; a UMAP only once it is there. */
  private plane: Plane = "principal";

  constructor(private readonly ask: (codebook: number, progress: (p: UmapProgress) => void, signal: AbortSignal) => Promise<UmapPlaces | undefined>, private readonly changed: (umap: UmapPlaces | undefined) => void) {
    const option = (plane: Plane, text: string, title: string): [Plane, HTMLElement] => {
      const radio = el("button", { role: "radio", title }, text);
      radio.addEventListener("click", () => this.choose(plane));
      return [plane, radio];
    };
    this.options = [option("principal", t("Principal axes"), t("The plane in which the kernels spread most")), option("umap", t("UMAP"), t("Neighbours in all dimensions beside each other; distances between clusters mean little"))];
    this.element.append(...this.options.map(([, radio]) => radio));
    this.element.addEventListener("keydown", (event) => {
      if (!/^Arrow/.test(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      const [to, radio] = this.options[this.marked() === "principal" ? 1 : 0];
      radio.focus();
      this.choose(to);
    });
    this.progress.append(this.line, this.bar, button({ label: t("Cancel"), small: true, onClick: () => this.choose("principal") }));
    this.mark();
  }

  /** Another codebook: its UMAP, if that is wanted and known. Gives the UMAP to be seen. */
  show(shelf: Shelf, noun: Noun): UmapPlaces | undefined {
    if (this.shown?.shelf.facts.id !== shelf.facts.id) this.stop();
    this.shown = { shelf, noun };
    const known = this.plane === "umap" ? this.kept.get(keyOf(shelf)) : undefined;
    if (!known) this.plane = "principal";
    this.mark();
    return known;
  }

  private choose(plane: Plane): void {
    const { shown } = this;
    if (!shown || plane === this.marked()) return;
    this.stop();
    const known = plane === "umap" ? this.kept.get(keyOf(shown.shelf)) : undefined;
    if (plane === "umap" && !known) void this.make(shown.shelf, shown.noun);
    else if (plane !== this.plane) {
      this.plane = plane;
      this.changed(known);
    }
    this.mark();
  }

  private async make(shelf: Shelf, noun: Noun): Promise<void> {
    const running = this.running = new AbortController(), all = shelf.facts.index.length;
    const tell = (text: string, share?: number): void => {
      if (running !== this.running) return;
      this.line.textContent = this.line.title = text;
      if (share === undefined) this.bar.removeAttribute("value");
      else this.bar.value = share;
    };
    tell(t("UMAP: looking for neighbours"));
    this.progress.hidden = false;
    this.progress.removeAttribute("data-failed");
    try {
      const places = await this.ask(shelf.facts.id, ({ epoch, epochs, blocks }) => {
        if (epoch) tell(blocks ? t("UMAP of {0} of {1} {2}, epoch {3} of {4}", format.whole(blocks), format.whole(all), noun.many, epoch, epochs) : t("UMAP of {0} codewords, epoch {1} of {2}", format.whole(shelf.facts.codewords), epoch, epochs), epoch / epochs);
      }, running.signal);
      if (running !== this.running) return;
      this.running = undefined;
      this.progress.hidden = true;
      if (places) {
        this.kept.set(keyOf(shelf), places);
        const [oldest] = this.kept.keys();
        if (this.kept.size > KEPT) this.kept.delete(oldest);
        this.plane = "umap";
        this.changed(places);
      }
      this.mark();
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error), 0); // Cancel takes it away
    }
  }

  private stop(): void {
    this.running?.abort();
    this.running = undefined;
    this.progress.hidden = true;
  }

  private marked(): Plane { return this.running ? "umap" : this.plane; }

  private mark(): void {
    for (const [plane, radio] of this.options) {
      radio.setAttribute("aria-checked", String(plane === this.marked()));
      radio.tabIndex = plane === this.marked() ? 0 : -1;
    }
  }
}

/** The same codebook is made again whenever its layer is shown, with the same words. */
const keyOf = ({ size, facts: { layer, method, choice, codewords, places } }: Shelf): string => [layer, method, choice ?? "file", size, codewords, places.which.length].join(" ");
