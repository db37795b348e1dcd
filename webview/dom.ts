/** Small helpers for building elements. Text is always set as text: names in a model are a stranger's. */

type Child = Node | string | undefined | false;
interface Attributes { class?: string; title?: string; id?: string; role?: string; tabindex?: number; hidden?: boolean; [name: `aria-${string}`]: string | undefined; [name: `data-${string}`]: string | undefined }

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number> = {}): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** A codicon; decoration only, so give what it stands on a name. */
export const icon = (name: string): HTMLElement => el("span", { class: `codicon codicon-${name}`, "aria-hidden": "true" });

/** Calls `run` at most once a frame, however often it is asked to. */
export function oncePerFrame(run: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; run(); });
  };
}

/** Keeps what is selected in sight when its list changes its size, unless somebody has scrolled away from it. */
export function keepInSight(list: HTMLElement, selected: () => Element | null | undefined): void {
  let seen = true;
  list.addEventListener("scroll", () => {
    const row = selected()?.getBoundingClientRect(), { top, bottom } = list.getBoundingClientRect();
    seen = !row || row.bottom > top && row.top < bottom;
  }, { passive: true });
  new ResizeObserver(() => { if (seen) selected()?.scrollIntoView({ block: "nearest" }); }).observe(list);
}

/** Puts off what is out of sight until the page has time; of several tasks the last one is done. */
export function whenIdle(): (run: () => void) => void {
  let waiting: number | undefined;
  return (run) => {
    if (waiting !== undefined) cancelIdleCallback(waiting);
    waiting = requestIdleCallback(() => { waiting = undefined; run(); }, { timeout: 1000 });
  };
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
/** Whether nothing should move, by the system's or VS Code's setting. */
export const reducedMotion = (): boolean => still.matches || document.body.classList.contains("vscode-reduce-motion");

/** Makes these the children of an element. Those that it has already stay where they are, so that a click on one that is still wanted is not lost. */
export function arrange(parent: Element, ...children: readonly Element[]): void {
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of children) {
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
}
