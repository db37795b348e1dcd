import { field, iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** What a search does with the rows of a comparison. */
export interface Found {
  /** Marks the rows that a text is in, and tells which; none are marked where the text is empty. */
  find(text: string): number[];
  selected(): number;
  select(row: number): void;
  /** When it is put away. */
  leave(): void;
}

/** Finds layers by name, operator, way of storing or what became of them. It stands over the rows while somebody searches; they keep their places, for graphs lie beside them. */
export class FindBar {
  readonly element = el("div", { class: "cmp-find", role: "search", "aria-label": t("Find layers"), hidden: true });
  private readonly text = field({ label: t("Name, operator, method…"), icon: "search", onInput: () => this.search(), onKey: (event) => this.key(event) });
  private readonly count = el("span", { class: "count", role: "status" });
  private rows: readonly number[] = [];

  constructor(private readonly found: Found) {
    this.count.slot = "end";
    this.text.append(this.count);
    this.element.append(this.text, ...([[t("Previous Match"), "arrow-up", -1], [t("Next Match"), "arrow-down", 1]] as const).map(([label, icon, step]) => iconButton({ label, icon, onClick: () => this.step(step) })), iconButton({ label: t("Close"), icon: "close", onClick: () => this.close() }));
  }

  open(): void {
    this.element.hidden = false;
    this.text.focus();
    this.search();
  }

  private close(): void {
    this.element.hidden = true;
    this.found.find("");
    this.found.leave();
  }

  private search(): void {
    this.rows = this.found.find(this.text.value);
    this.tell();
  }

  private step(by: 1 | -1): void {
    const at = this.found.selected(), { rows } = this, next = by > 0 ? rows.find((row) => row > at) ?? rows[0] : rows.filter((row) => row < at).pop() ?? rows[rows.length - 1];
    if (next !== undefined) this.found.select(next);
    this.tell();
  }

  private tell(): void {
    const { rows } = this, place = rows.indexOf(this.found.selected()) + 1;
    const text = !this.text.value.trim() ? "" : !rows.length ? t("none") : place ? t("{0} of {1}", format.whole(place), format.whole(rows.length)) : t("{0} found", format.whole(rows.length));
    if (this.count.textContent !== text) this.count.textContent = text;
  }

  private key(event: KeyboardEvent): void {
    event.stopPropagation(); // what is typed here zooms nothing
    if (event.key === "Enter" || event.key === "F3") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }
}
