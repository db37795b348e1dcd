import { provideVSCodeDesignSystem, TextField, vsCodeButton, vsCodeDropdown, vsCodeOption, vsCodeTextField } from "@vscode/webview-ui-toolkit";
import { el, icon } from "./dom";

/**
 * The page's controls. This file alone knows the library that they come from: what it returns are plain elements
 * with the DOM's own `click`, `change` and `input`, and no other file writes or selects one of the library's tags.
 */

keepNames(TextField.prototype);
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeDropdown(), vsCodeOption(), vsCodeTextField());

export interface ButtonOptions { label: string; icon?: string; primary?: boolean; small?: boolean; title?: string; disabled?: boolean; onClick: () => void }

/** A verb to press. In narrow editors the words of a button with an icon may fold away (class `foldable` on its parent). */
export function button(options: ButtonOptions): HTMLElement {
  const element = document.createElement("vscode-button");
  element.setAttribute("appearance", options.primary ? "primary" : "secondary");
  element.className = `control button${options.primary ? " primary" : ""}${options.small ? " small" : ""}`;
  element.title = options.title ?? "";
  if (options.disabled) element.setAttribute("disabled", "");
  if (options.icon) {
    const start = icon(options.icon);
    start.slot = "start";
    element.append(start);
  }
  element.append(el("div", { class: "label" }, options.label)); // the library makes slotted spans as wide as an icon
  element.setAttribute("aria-label", options.label);
  element.addEventListener("click", () => { if (!element.hasAttribute("disabled")) options.onClick(); });
  return element;
}

/** A button that is only an icon; its name is read out and shown on hover, with the key that does the same. */
export function iconButton(options: { label: string; icon: string; key?: string; onClick: () => void }): HTMLElement {
  const element = document.createElement("vscode-button");
  element.setAttribute("appearance", "icon");
  element.setAttribute("aria-label", options.label);
  element.className = "control icon-button";
  element.title = options.key ? `${options.label} (${options.key})` : options.label;
  element.append(icon(options.icon));
  element.addEventListener("click", options.onClick);
  return element;
}

/** One of several values. */
export function select<Value extends string>(options: { label: string; values: readonly { value: Value; text: string }[]; value: Value; disabled?: boolean; onChange: (value: Value) => void }): HTMLElement & { value: string } {
  const element = document.createElement("vscode-dropdown") as HTMLElement & { value: string; keydownHandler(event: KeyboardEvent): boolean | undefined };
  element.className = "control select";
  if (options.disabled) element.setAttribute("disabled", "");
  element.setAttribute("aria-label", options.label);
  element.value = options.value; // a list begins at "", and would take an option of that value before the selected one
  for (const { value, text } of options.values) {
    const option = document.createElement("vscode-option");
    option.setAttribute("value", value);
    option.textContent = text;
    if (value === options.value) option.setAttribute("selected", "");
    element.append(option);
  }
  // its search for an option by typed letters would take the S of Ctrl+S for one
  const search = element.keydownHandler.bind(element);
  element.keydownHandler = (event) => (event.ctrlKey || event.metaKey || event.altKey ? true : search(event));
  element.addEventListener("change", () => {
    const chosen = options.values.find(({ value }) => value === element.value);
    if (chosen) options.onChange(chosen.value);
  });
  return element;
}

/** A text field that comes into the page keeps its name: the library would call each one "Text field". */
function keepNames(fields: TextField): void {
  const connected = fields.connectedCallback;
  fields.connectedCallback = function (this: TextField) {
    const name = this.getAttribute("aria-label");
    connected.call(this);
    if (name !== null) this.setAttribute("aria-label", name);
  };
}

/** A line of text. */
export function field(options: { label: string; icon?: string; hint?: string; value?: string; onInput: (text: string) => void; onKey?: (event: KeyboardEvent) => void }): HTMLElement & { value: string } {
  const element = document.createElement("vscode-text-field") as HTMLElement & { value: string };
  element.className = "control field";
  element.setAttribute("placeholder", options.label);
  element.setAttribute("aria-label", options.label);
  if (options.value) element.value = options.value;
  if (options.icon) {
    const start = icon(options.icon);
    start.slot = "start";
    element.append(start);
  }
  if (options.hint) {
    const end = el("kbd", { "aria-hidden": "true" }, options.hint);
    end.slot = "end";
    element.append(end);
  }
  element.addEventListener("input", () => options.onInput(element.value));
  if (options.onKey) element.addEventListener("keydown", options.onKey);
  return element;
}

/** A word in a box: an operator, a method. */
export const tag = (text: string): HTMLElement => el("span", { class: "tag" }, text);

/** A row of tabs; arrows move between them. */
export function tabs<Id extends string>(options: { label: string; tabs: readonly { id: Id; text: string }[]; selected: Id; onSelect: (id: Id) => void }): { element: HTMLElement; select(id: Id): void } {
  const element = el("div", { class: "tabs", role: "tablist", "aria-label": options.label });
  const items = options.tabs.map(({ id, text }) => {
    const item = el("button", { class: "tab", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` }, text);
    item.addEventListener("click", () => options.onSelect(id));
    element.append(item);
    return { id, item };
  });
  const select = (selected: Id): void => {
    for (const { id, item } of items) {
      item.setAttribute("aria-selected", String(id === selected));
      item.tabIndex = id === selected ? 0 : -1;
    }
  };
  element.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const at = items.findIndex(({ item }) => item.tabIndex === 0), next = items[(at + step + items.length) % items.length];
    next.item.focus();
    options.onSelect(next.id);
    event.preventDefault();
  });
  select(options.selected);
  return { element, select };
}
