import { el } from "../dom";

/** Cards of samples in a grid that arrows walk through. */
export class Cards {
  readonly element = el("div", { class: "acc-cards", role: "listbox", tabindex: 0 });
  private cards = new Map<number, HTMLElement>();
  private order: number[] = [];
  private selected: number | undefined;

  constructor(label: string, private readonly choose: (position: number) => void, private readonly open: () => void) {
    this.element.setAttribute("aria-label", label);
    this.element.addEventListener("click", ({ target }) => {
      const card = target instanceof Element ? target.closest<HTMLElement>(".acc-card") : undefined;
      if (card) choose(Number(card.dataset.sample));
    });
    this.element.addEventListener("dblclick", () => open());
    this.element.addEventListener("keydown", (event) => { if (this.key(event)) event.preventDefault(); });
  }

  /** Cards that were there stay what they are, so that pictures and scroll do not jump. */
  show<Sample extends { position: number }>(samples: readonly Sample[], make: (sample: Sample) => HTMLElement): void {
    const before = this.cards;
    this.cards = new Map(samples.map((sample) => [sample.position, before.get(sample.position) ?? card(sample.position, make(sample))]));
    this.order = [...this.cards.keys()];
    const now = [...this.cards.values()], there = this.element.children;
    if (now.length !== there.length || now.some((cell, i) => cell !== there[i])) this.element.replaceChildren(...now);
    this.mark();
  }

  /** Other models or samples: nothing of before is true any more. */
  clear(): void {
    this.cards.clear();
    this.order = [];
    this.element.replaceChildren();
  }

  get first(): number | undefined { return this.order[0]; }
  has(position: number | undefined): boolean { return position !== undefined && this.cards.has(position); }

  select(position: number | undefined): void {
    this.selected = position;
    this.mark();
    const cell = position === undefined ? undefined : this.cards.get(position);
    cell?.scrollIntoView({ block: "nearest" });
  }

  /** @returns whether the key was one of ours */
  key(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Enter") { this.open(); return true; }
    const at = this.selected === undefined ? -1 : this.order.indexOf(this.selected), across = this.across(), page = across * Math.max(1, Math.floor(this.element.clientHeight / 92));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, PageDown: page, PageUp: -page, Home: -at, End: this.order.length - 1 - at }[event.key];
    if (step === undefined || !this.order.length) return false;
    const to = at < 0 ? 0 : at + step, next = this.order[event.key.startsWith("Page") ? Math.max(0, Math.min(this.order.length - 1, to)) : to];
    if (next !== undefined) this.choose(next);
    return true;
  }

  private across(): number {
    const [first] = this.cards.values();
    if (!first) return 1;
    const end = [...this.cards.values()].findIndex((cell) => cell.offsetTop !== first.offsetTop);
    return end < 0 ? this.cards.size : end;
  }

  private mark(): void {
    for (const [position, cell] of this.cards) cell.setAttribute("aria-selected", String(position === this.selected));
    const cell = this.selected === undefined ? undefined : this.cards.get(this.selected);
    if (cell) this.element.setAttribute("aria-activedescendant", cell.id);
    else this.element.removeAttribute("aria-activedescendant");
  }
}

function card(position: number, content: HTMLElement): HTMLElement {
  content.classList.add("acc-card");
  content.setAttribute("role", "option");
  content.id = `sample-${position}`;
  content.dataset.sample = String(position);
  return content;
}
