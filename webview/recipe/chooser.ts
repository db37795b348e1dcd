import { el } from "../dom";

export interface ChooserItem { text: string; note: string; chosen: boolean; act(): void }

/** A list under an element to choose one thing from; keys walk it, Escape and a press elsewhere close it. @param about all of them, under the list */
export function openChooser(label: string, items: readonly ChooserItem[], under: HTMLElement, about: string): void {
  document.querySelector(".chooser")?.remove();
  const list = el("div", { class: "chooser-list", role: "listbox", "aria-label": label, "aria-describedby": "chooser-about", tabindex: -1 }), box = el("div", { class: "chooser", role: "dialog", "aria-label": label }, list, el("p", { id: "chooser-about" }, about));
  const close = (): void => {
    box.remove();
    document.removeEventListener("pointerdown", outside, true);
    (under.isConnected ? under.closest<HTMLElement>(".plan-row") ?? under : document.querySelector<HTMLElement>(".plan-row[aria-selected=true]"))?.focus();
  };
  const outside = (event: PointerEvent): void => { if (!(event.target instanceof Node && box.contains(event.target))) close(); };
  const options = items.map(({ text, note, chosen, act }) => {
    const option = el("div", { class: "chooser-item", role: "option", tabindex: -1, "aria-selected": String(chosen) }, el("span", {}, text), el("small", {}, note));
    option.addEventListener("click", () => { close(); act(); });
    list.append(option);
    return option;
  });
  list.addEventListener("keydown", (event) => {
    const at = options.findIndex((option) => option === document.activeElement), to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1 }[event.key];
    if (to !== undefined) options[Math.max(0, Math.min(options.length - 1, to))].focus();
    else if (event.key === "Enter" || event.key === " ") { options[at]?.click(); }
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(box);
  const { left, top, bottom } = under.getBoundingClientRect(), height = box.offsetHeight, below = bottom + height + 8 < innerHeight || top < height;
  box.style.left = `${Math.max(8, Math.min(left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(8, below ? Math.min(bottom + 2, innerHeight - height - 8) : top - height - 2)}px`;
  const first = options.find((_, i) => items[i].chosen) ?? options[0];
  first.tabIndex = 0;
  first.focus();
  document.addEventListener("pointerdown", outside, true);
}
