import { el } from "./dom";
import { t } from "./l10n";

const STEP = 16;

/** A border that is dragged, or moved with the arrow keys, to make the pane after it larger or smaller: by width beside, by height below. */
export function sash(pane: HTMLElement, options: { least: number; width?: number; height?: number; onChange(size: { width?: number; height?: number }): void }): HTMLElement {
  const handle = el("div", { class: "sash", role: "separator", tabindex: 0, "aria-label": t("Size of the details") });
  const size = { width: options.width, height: options.height };
  const apply = (): void => {
    handle.setAttribute("aria-valuenow", String(Math.round(lies() ? pane.offsetHeight : pane.offsetWidth)));
    handle.setAttribute("aria-orientation", lies() ? "horizontal" : "vertical");
    if (size.width !== undefined) pane.style.setProperty("--side-width", `${size.width}px`);
    if (size.height !== undefined) pane.style.setProperty("--side-height", `${size.height}px`);
  };
  const lies = (): boolean => handle.offsetWidth > handle.offsetHeight;
  const grow = (by: number): void => {
    const parent = pane.parentElement;
    if (!parent) return;
    if (lies()) size.height = Math.max(80, Math.min(parent.clientHeight - 80, pane.offsetHeight + by));
    else size.width = Math.max(options.least, Math.min(parent.clientWidth - 240, pane.offsetWidth + by));
    apply();
    options.onChange({ ...size });
  };
  let last: number | undefined;
  handle.addEventListener("pointerdown", (event) => { last = lies() ? event.clientY : event.clientX; handle.setPointerCapture(event.pointerId); event.preventDefault(); });
  handle.addEventListener("pointermove", (event) => {
    if (last === undefined) return;
    const now = lies() ? event.clientY : event.clientX;
    grow(last - now);
    last = now;
  });
  handle.addEventListener("pointerup", () => { last = undefined; });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: STEP, ArrowUp: STEP, ArrowRight: -STEP, ArrowDown: -STEP }[event.key];
    if (by === undefined) return;
    grow(by);
    event.preventDefault();
  });
  apply();
  return handle;
}
