import { el, whenIdle } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { scaleBar } from "../layers/kernels";
import { picture, pictureSize } from "./picture";
import { MOST_LISTED, type Shelf, type SortBy } from "./shelf";

/** Side of a codeword's picture: larger where there are few of them. */
const ROOM = 36, LARGE_ROOM = 56, FEW = 32;
/** So much wider are several kernels beside each other. */
const MORE_ROOM = 1.5;
/** What a cell has around its picture, and the least width of one, in pixels. */
const AROUND = 26, CELL = 50;
/** Room between rows and at both ends of the list, and how high it is where nothing else bounds it, as in the style sheet. */
const GAP = 2, HIGHEST = 400;

/** The codewords of a codebook as a list to walk in: heat maps with their use, dead ones last as empty cells. */
export class WordList {
  readonly element = el("section", { class: "book-pane book-words", "aria-label": t("Codewords") });
  private readonly list = el("div", { class: "codewords", role: "listbox", "aria-label": t("Codewords"), "aria-orientation": "horizontal", "aria-multiselectable": "true" });
  private readonly box = el("div", { class: "codewords-box" }, this.list);
  private readonly note = el("small");
  private readonly foot = el("div");
  private cells = new Map<number, HTMLElement>();
  private order: number[] = [];
  private selected = -1;
  /** Codewords that are chosen together, and where a range of them begins. */
  private chosen: readonly number[] = [];
  private anchor = -1;
  private readonly later = whenIdle();

  /** @param several is told what is chosen together, by Shift and Ctrl: one codeword or none where nothing is any more */
  constructor(private readonly choose: (word: number) => void, hover: (word: number | undefined) => void, private readonly several: (words: readonly number[]) => void = () => undefined) {
    this.element.append(el("header", { class: "book-title" }, el("h3", {}, t("Codewords")), this.note), this.box, this.foot);
    new ResizeObserver(() => this.fit()).observe(this.box);
    const wordAt = (target: EventTarget | null): number | undefined => {
      const cell = target instanceof Element ? target.closest<HTMLElement>(".codeword") : undefined;
      return cell?.dataset.word === undefined ? undefined : Number(cell.dataset.word);
    };
    this.list.addEventListener("click", (event) => {
      const word = wordAt(event.target);
      if (word === undefined) return;
      if (event.shiftKey) this.extend(word);
      else if (event.ctrlKey || event.metaKey) this.toggle(word);
      else this.alone(word);
    });
    this.list.addEventListener("pointerover", ({ target }) => hover(wordAt(target)));
    this.list.addEventListener("pointerleave", () => hover(undefined));
    this.list.addEventListener("keydown", (event) => {
      if (!this.walk(event)) return;
      event.preventDefault();
      this.cells.get(this.selected)?.focus();
    });
  }

  /** No row is cut: the list is as high as whole rows are. */
  private fit(): void {
    const row = (this.cells.get(this.order[0])?.offsetHeight ?? 0) + GAP, room = getComputedStyle(this.box).flexGrow === "0" ? HIGHEST : this.box.clientHeight, rows = Math.floor((room - GAP) / row);
    this.list.style.maxHeight = row > GAP && rows > 0 ? `${rows * row + GAP}px` : "";
  }

  private alone(word: number): void {
    this.anchor = word;
    this.choose(word);
    this.several([word]);
  }

  /** From where the range begins to a codeword, in the order of the list. */
  private extend(word: number): void {
    const { order } = this, from = order.indexOf(this.anchor), to = order.indexOf(word), first = from < 0 ? order.indexOf(this.selected) : from;
    if (from < 0) this.anchor = this.selected;
    this.choose(word);
    this.several(order.slice(Math.min(first, to), Math.max(first, to) + 1));
  }

  private toggle(word: number): void {
    const before = this.chosen.length ? this.chosen : [this.selected], isOut = before.includes(word), words = isOut ? before.filter((w) => w !== word) : [...before, word];
    this.anchor = isOut ? words[0] ?? word : word;
    this.choose(this.anchor);
    this.several(words);
  }

  /** Marks the codewords that are chosen together. */
  mark(words: readonly number[]): void {
    for (const word of this.chosen) if (word !== this.selected) this.cells.get(word)?.setAttribute("aria-selected", "false");
    this.chosen = words;
    for (const word of words) this.cells.get(word)?.setAttribute("aria-selected", "true");
  }

  show(shelf: Shelf, by: SortBy, m: number): void {
    const { facts: { uses, codewords }, mostUsed, leastUsed, dead } = shelf, room = (codewords <= FEW ? LARGE_ROOM : ROOM) * (shelf.parts > 1 ? MORE_ROOM : 1), size = pictureSize(shelf, room), hadFocus = this.list.contains(document.activeElement), { scrollTop } = this.list;
    this.order = shelf.order(by);
    this.cells = new Map(this.order.map((word) => {
      const frame = el("span", { class: uses[word] > 0 ? "word-frame" : "dead" }), bar = el("span", { class: "use-bar" }, el("span")), text = wordText(shelf, word);
      frame.style.width = `${size.width}px`;
      frame.style.height = `${size.height}px`;
      bar.style.width = `${size.width}px`;
      (bar.firstChild as HTMLElement).style.width = `${100 * uses[word] / (mostUsed || 1)}%`;
      const cell = el("div", { class: "codeword", role: "option", tabindex: -1, "aria-selected": "false", "data-word": String(word), "aria-label": text, title: text }, frame, bar, el("small", {}, format.whole(uses[word])));
      return [word, cell];
    }));
    const draw = (words: readonly number[]): void => {
      for (const word of words) if (uses[word] > 0) this.cells.get(word)?.querySelector(".word-frame")?.replaceWith(picture(shelf.word(word), shelf, m, room));
    };
    // what is in sight at once, where the list stands and at its beginning
    for (const top of new Set([0, scrollTop])) draw(this.order.slice(...this.sight(top, size.height)));
    this.later(() => draw(this.order));
    this.list.style.setProperty("--cell", `${Math.max(34, size.width) + 12}px`);
    this.list.replaceChildren(...this.cells.values());
    this.fit();
    this.list.scrollTop = scrollTop;
    const range = leastUsed === mostUsed ? t("{0} uses each", format.whole(mostUsed)) : t("{0}–{1} uses each", format.whole(leastUsed), format.whole(mostUsed));
    this.note.textContent = [range, ...(dead ? [t("{0} dead", format.whole(dead))] : []), ...(codewords > MOST_LISTED ? [t("the {0} most used", format.whole(MOST_LISTED))] : [])].join(" · ");
    this.note.title = this.note.textContent;
    this.foot.replaceChildren(scaleBar(m, t("in units of the scale")));
    this.select(this.selected);
    this.mark(this.chosen);
    if (hadFocus) this.cells.get(this.selected)?.focus();
  }

  /** Positions of the codewords that are seen where the list stands so far down: all where it is not shown yet. */
  private sight(top: number, height: number): [number, number] {
    const { clientWidth, clientHeight } = this.list, row = height + AROUND, across = Math.max(1, Math.floor(clientWidth / CELL));
    return clientHeight ? [Math.max(0, Math.floor(top / row) - 1) * across, (Math.ceil((top + clientHeight) / row) + 1) * across] : [0, Infinity];
  }

  /** Codewords may come to stand elsewhere; the selection stays. */
  select(word: number): void {
    const before = this.cells.get(this.selected), cell = this.cells.get(word);
    if (!this.chosen.includes(this.selected)) before?.setAttribute("aria-selected", "false");
    if (before) before.tabIndex = -1;
    this.selected = word;
    const reached = cell ?? this.cells.get(this.order[0]);
    if (reached) reached.tabIndex = 0;
    if (!cell) return;
    cell.setAttribute("aria-selected", "true");
    const { list } = this, top = cell.offsetTop, bottom = top + cell.offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top - GAP;
    else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight + GAP;
  }

  /** Lights a codeword that is pointed at elsewhere. */
  light(word: number | undefined): void {
    for (const cell of this.list.querySelectorAll(".codeword[data-lit]")) cell.removeAttribute("data-lit");
    if (word !== undefined) this.cells.get(word)?.setAttribute("data-lit", "");
  }

  /** Goes to the codeword that a key leads to; with Shift all up to it are chosen together. */
  walk(event: KeyboardEvent): boolean {
    const to = this.step(event.key);
    if (to === undefined) return false;
    if (event.shiftKey) this.extend(to);
    else this.alone(to);
    return true;
  }

  private step(key: string): number | undefined {
    const { order, list, selected, cells } = this, at = Math.max(0, order.indexOf(selected)), first = cells.get(order[0]);
    const across = first ? Math.max(1, order.findIndex((w) => cells.get(w)!.offsetTop !== first.offsetTop)) : 1, page = first ? Math.max(1, Math.floor(list.clientHeight / (first.offsetHeight + 4))) * across : 1;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, PageUp: -page, PageDown: page, Home: -at, End: order.length - 1 - at };
    if (!(key in steps)) return undefined;
    const to = at + steps[key];
    return order[to] ?? order[Math.max(0, Math.min(order.length - 1, key.startsWith("Page") ? to : at))];
  }
}

/** "Codeword 50, used 198 times, rank 50 of 64, largest value 1.97 in row 2, column 2" */
function wordText(shelf: Shelf, word: number): string {
  const { facts: { uses, codewords }, parts, width, height } = shelf, values = shelf.word(word), n = uses[word];
  if (!n) return t("Codeword {0}, not used", word);
  const at = values.reduce((most, v, i) => (Math.abs(v) > Math.abs(values[most]) ? i : most), 0), row = Math.floor(at / width) % height + 1, column = at % width + 1;
  const place = parts > 1 ? t("in kernel {0}, row {1}, column {2}", Math.floor(at / (height * width)) + 1, row, column) : height > 1 ? t("in row {0}, column {1}", row, column) : t("in place {0}", column);
  return t("Codeword {0}, used {1} times, rank {2} of {3}, largest value {4} {5}", word, format.whole(n), format.whole(shelf.rank(word)), format.whole(codewords), format.weight(values[at]), place);
}
