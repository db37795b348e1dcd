import { el, icon } from "./dom";

/** A place that has something to say instead of something to show: one sentence, and the next step. */
export function stateOf(symbol: string, title: string, text: string, ...actions: (HTMLElement | undefined)[]): HTMLElement {
  return el("div", { class: "state", role: symbol === "error" ? "alert" : "note" }, el("div", { class: `state-icon ${symbol}` }, icon(symbol)), el("div", {}, el("h1", {}, title), el("p", {}, text), el("div", { class: "row" }, ...actions)));
}
