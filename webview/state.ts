import type { KernelscopeError } from "../src/protocol/errors";
import { el, icon } from "./dom";
import * as format from "./format";
import { t } from "./l10n";

/** A place that has something to say instead of something to show: one sentence, and the next step. */
export function stateOf(symbol: string, title: string, text: string, ...actions: (HTMLElement | undefined)[]): HTMLElement {
  return el("div", { class: "state", role: symbol === "error" ? "alert" : "note" }, el("div", { class: `state-icon ${symbol}` }, icon(symbol)), el("div", {}, el("h1", {}, title), el("p", {}, text), el("div", { class: "row" }, ...actions)));
}

/** Of a file that ends too early, how much is there and how much was expected; nothing where that is not known. */
export function howMuchIsThere({ details: { at, expected } }: KernelscopeError): HTMLElement[] {
  if (typeof at !== "number" || typeof expected !== "number") return [];
  const read = t("{0} read", format.bytes(at)), wanted = t("{0} expected", format.bytes(expected));
  return [el("div", { class: "there", role: "img", "aria-label": `${read}, ${wanted}` }, Object.assign(el("span"), { style: `width:${100 * at / expected}%` })), el("div", { class: "axis" }, el("span", {}, read), el("span", {}, wanted))];
}
