import { iconButton } from "../controls";
import { el, icon } from "../dom";
import { t } from "../l10n";

const folded = new Map<string, boolean>();

/** A part of the details: heading, a few words, content. In a narrow editor it folds away, and stays so for other layers. */
export function section(id: string, title: string, note: string, foldedAtFirst: boolean, ...content: HTMLElement[]): HTMLElement {
  const fold = el("button", { class: "fold", "aria-label": title }, icon("chevron-down")), element = el("section", { class: `part part-${id}` }, el("h3", {}, fold, el("span", { title }, title), el("small", { title: note }, note)), el("div", { class: "part-content" }, ...content));
  const show = (): void => {
    const is = folded.get(id) ?? foldedAtFirst;
    element.toggleAttribute("data-folded", is);
    fold.setAttribute("aria-expanded", String(!is));
    fold.title = is ? t("Show {0}", title) : t("Hide {0}", title);
  };
  fold.addEventListener("click", () => { folded.set(id, !(folded.get(id) ?? foldedAtFirst)); show(); });
  show();
  return element;
}

/** Lets a part's chart be read as a table: the button comes with hover and focus. */
export function withTable(part: HTMLElement, table: () => HTMLElement): HTMLElement {
  const content = part.querySelector(".part-content"), chart = content ? [...content.children] : [];
  const toggle = iconButton({ label: t("Show as Table"), icon: "table", onClick: () => {
    const isTable = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(isTable));
    content?.replaceChildren(...(isTable ? [table()] : chart));
  } });
  toggle.classList.add("as-table");
  toggle.setAttribute("aria-pressed", "false");
  part.querySelector("h3 > small")?.before(toggle);
  return part;
}
