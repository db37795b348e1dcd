import type { KernelPage } from "../../src/protocol/api";
import { heatmaps } from "../charts/heatmaps";
import { iconButton } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

const GAP = 7, SIZE = 18;
/** Rows of kernels: fewer where more stand in each. */
const rowsFor = (columns: number): number => (columns > 16 ? 3 : 5);

/** How many kernels are fetched at once: more than the widest pane shows. */
export const MOST_KERNELS = 200;

/** Kernels in the order of their norm as small multiples on one scale, as many as stand in a few rows; buttons turn to the next. `name` says which channels a kernel joins. */
export function kernelMultiples(page: KernelPage, m: number, name: (kernel: number) => string, fetch: (first: number, count: number) => Promise<KernelPage | undefined>): HTMLElement {
  const { height, width, total } = page, size = height * width, cell = Math.max(1, Math.round(SIZE / Math.max(height, width))), pitch = width * cell + GAP;
  const box = el("div", { class: "kernels" });
  let columns = 0, first = 0, shown = page;
  const draw = (): void => {
    const count = Math.min(columns * rowsFor(columns), shown.values.length / size);
    const turn = async (to: number): Promise<void> => {
      const next = await fetch(to, MOST_KERNELS);
      if (!next) return;
      [first, shown] = [to, next];
      draw();
    };
    const button = (label: string, icon: string, to: number, can: boolean): HTMLElement => {
      const element = iconButton({ label, icon, onClick: () => { void turn(to); } });
      element.toggleAttribute("disabled", !can);
      return element;
    };
    const note = el("span", { class: "turn" }, el("small", {}, t("{0}–{1} of {2}", format.whole(first + 1), format.whole(first + count), format.whole(total))));
    if (count < total) note.append(button(t("Larger Kernels"), "chevron-left", Math.max(0, first - count), first > 0), button(t("Smaller Kernels"), "chevron-right", first + count, first + count < total));
    const picture = heatmaps(shown.values.subarray(0, count * size), height, width, m, { cell, columns, gap: GAP, label: t("Kernels {0} to {1} by norm", first + 1, first + count) });
    picture.addEventListener("pointermove", ({ offsetX, offsetY }) => {
      const k = Math.floor(offsetY / (height * cell + GAP)) * columns + Math.floor(offsetX / pitch), values = shown.values.subarray(k * size, (k + 1) * size);
      picture.title = k < count ? [name(shown.order[k]), ...Array.from({ length: height }, (_, y) => Array.from(values.subarray(y * width, (y + 1) * width), format.weight).join("  "))].join("\n") : "";
    });
    box.replaceChildren(picture, scaleBar(m, note));
  };
  new ResizeObserver(() => {
    const room = Math.max(1, Math.floor((box.clientWidth + GAP) / pitch));
    if (room === columns) return;
    columns = room;
    draw();
  }).observe(box);
  return box;
}

/** The diverging scale with its printed ends. */
export const scaleBar = (m: number, note: string | HTMLElement): HTMLElement => el("div", { class: "scale" }, el("span", {}, `−${format.weight(m)}`), el("span", { class: "scale-bar" }), el("span", {}, `+${format.weight(m)}`), typeof note === "string" ? el("small", {}, note) : note);

/** The scale of sizes, from nothing. */
export const sizeBar = (m: number, note: string): HTMLElement => el("div", { class: "scale" }, el("span", {}, "0"), el("span", { class: "scale-bar sizes" }), el("span", {}, format.weight(m)), el("small", {}, note));
