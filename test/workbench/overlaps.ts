import type { Frame } from "playwright-core";

/** Pairs of words or controls that lie on each other in a page, each as "this over that"; and what stands out of the page sideways. */
export const overlaps = (frame: Frame): Promise<string[]> => frame.evaluate(() => {
  const found: string[] = [], seen: { element: Element; name: string; box: { left: number; top: number; right: number; bottom: number } }[] = [];
  const shown = (element: Element): { left: number; top: number; right: number; bottom: number } | undefined => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    for (let at: Element | null = element; at; at = at.parentElement) {
      const style = getComputedStyle(at), around = at.getBoundingClientRect();
      if (style.visibility === "hidden" || style.opacity === "0" || style.display === "none") return undefined;
      if (at !== element && style.overflow !== "visible") { left = Math.max(left, around.left); right = Math.min(right, around.right); top = Math.max(top, around.top); bottom = Math.min(bottom, around.bottom); }
    }
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : undefined;
  };
  for (const element of document.querySelectorAll("#page *")) {
    const ownText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim()), isControl = element.matches(".control, .icon-button, canvas.heatmaps, .swatch, .chart");
    if (!ownText && !isControl || element.parentElement?.closest(".control, .strip-twin")) continue;
    const box = shown(element);
    if (box) seen.push({ element, name: element.textContent?.trim().slice(0, 40) || element.className.toString(), box });
  }
  /** What stands in a sentence as one of its words. */
  const isWord = (element: Element): boolean => { const { display, position } = getComputedStyle(element); return display.startsWith("inline") && position === "static"; };
  seen.forEach((a, i) => {
    for (const b of seen.slice(i + 1)) {
      if (a.element.contains(b.element) && isWord(b.element)) continue;
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left), down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (across > 1 && down > 2) found.push(`${a.name} over ${b.name}`);
    }
    if (a.box.right > innerWidth + 1 || a.box.left < -1) found.push(`${a.name} stands out`);
  });
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return found;
});

/** Texts that end in "…" for want of room. */
export const cutTexts = (frame: Frame): Promise<string[]> => frame.evaluate(() => [...document.querySelectorAll<HTMLElement>("#page *")].filter((element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.clientWidth > 2 && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === "hidden" && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim()),
).map((element) => element.textContent ?? ""));

/** Makes every text of a page a third longer, as translations are: what a layout has to bear. Gives the number of texts that were changed. */
export const lengthen = (frame: Frame): Promise<number> => frame.evaluate(() => {
  const walker = document.createTreeWalker(document.querySelector("#page") ?? document.body, NodeFilter.SHOW_TEXT);
  let changed = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent ?? "", letters = text.match(/\p{L}{3,}/gu)?.join("").length ?? 0;
    if (!letters || node.parentElement?.closest("style, script")) continue;
    node.textContent = `${text.replace(/[aeiou]/g, (vowel) => "āēīōū"["aeiou".indexOf(vowel)])}${"·".repeat(Math.ceil(letters * 0.35))}`;
    changed++;
  }
  return changed;
});
