import type { AccuracyPageApi, AccuracyPanelApi } from "../../src/protocol/accuracy";
import { el } from "../dom";
import { connectTo, savedState, saveState, start } from "../host";
import { AccuracyView, type AccuracyChoice } from "./accuracy-view";

/** A page that is nothing but an accuracy view: of a candidate that is no file yet. */
export class AccuracyPage {
  constructor() {
    const root = document.getElementById("page") ?? document.body, saved = savedState();
    let choice: AccuracyChoice = typeof saved === "object" && saved !== null ? saved : {};
    const host: AccuracyPanelApi = connectTo<AccuracyPanelApi, AccuracyPageApi>({ accuracyChanged: async (state): Promise<void> => view.show(state) });
    const view: AccuracyView = new AccuracyView({
      host, select: (layer) => void host.selected(layer), open: (layer) => void host.openLayer(layer), showLog: () => void host.showLog(), manageTrust: () => undefined,
      changed: (change) => { choice = { ...choice, ...change }; saveState(choice); },
    }, choice);
    root.dataset.tab = "accuracy";
    root.replaceChildren(el("nav", { class: "bar" }, el("h1", { class: "acc-title" }, start.name), view.controls), el("div", { class: "panes" }, el("div", { class: "body" }, view.element)));
    document.addEventListener("keydown", (event) => { if (event.target === document.body) view.key(event); });
    void view.load().then(() => { document.body.dataset.ready = "true"; });
  }
}
