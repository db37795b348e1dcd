import { interpolateLab, lab, piecewise, rgb, scaleDiverging } from "d3";

/** The theme in force, read off VS Code's variables, and the scales for data, which VS Code has no colours for. */

export type ThemeKind = "dark" | "light" | "high-contrast" | "high-contrast-light";

export interface Theme {
  kind: ThemeKind;
  highContrast: boolean;
  background: string;
  foreground: string;
  /** 76 % of the foreground over the ground; full in high contrast. */
  secondary: string;
  line: string;
  node: string;
  focus: string;
  selection: string;
  selectionText: string;
  amount: string;
  /** Colours for kinds of things, most frequent first. */
  kinds: string[];
  font: string;
}

/** The anchors: amount; blue, neutral, orange for signed weights. */
const ANCHORS: Record<ThemeKind, { amount: string; negative: string; zero: string; positive: string }> = {
  "dark": { amount: "#45cdbd", negative: "#4ba3f5", zero: "#303030", positive: "#ff9d42" },
  "light": { amount: "#0b7f78", negative: "#1266b8", zero: "#f4f4f4", positive: "#c2560c" },
  "high-contrast": { amount: "#4fe0d0", negative: "#4ba3f5", zero: "#1a1a1a", positive: "#ff9d42" },
  "high-contrast-light": { amount: "#0b7f78", negative: "#1266b8", zero: "#f4f4f4", positive: "#c2560c" },
};

let current: Theme | undefined;
const CHANGED = "look-changed";

export function theme(): Theme { return current ??= readTheme(); }

/** Colours for what was added, what is gone and what is otherwise than before, as in VS Code's own comparisons. */
export function marks(): Record<"added" | "removed" | "resized", string> {
  return { added: variable("gitDecoration-addedResourceForeground", "editorGutter-addedBackground", "foreground"), removed: variable("gitDecoration-deletedResourceForeground", "editorGutter-deletedBackground", "foreground"), resized: variable("gitDecoration-modifiedResourceForeground", "editorGutter-modifiedBackground", "foreground") };
}

/** Calls back when theme or resolution change while the element is in the page. The element alone holds on to the listener. */
export function onLookChange(element: HTMLElement, listener: () => void): void {
  element.dataset.looks = "";
  element.addEventListener(CHANGED, listener);
}

function announce(): void {
  current = undefined;
  for (const element of document.querySelectorAll("[data-looks]")) element.dispatchEvent(new Event(CHANGED));
}

function watchResolution(): void {
  matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`).addEventListener("change", () => { announce(); watchResolution(); }, { once: true });
}

new MutationObserver(announce).observe(document.body, { attributes: true, attributeFilter: ["class"] });
watchResolution();

/** The first of VS Code's colours that the theme has. */
function variable(...names: string[]): string {
  const style = getComputedStyle(document.documentElement);
  for (const name of names) {
    const value = style.getPropertyValue(`--vscode-${name}`).trim();
    if (value) return value;
  }
  return style.color;
}

function readTheme(): Theme {
  const classes = document.body.classList;
  const kind: ThemeKind = classes.contains("vscode-high-contrast-light") ? "high-contrast-light" : classes.contains("vscode-high-contrast") ? "high-contrast" : classes.contains("vscode-light") ? "light" : "dark";
  const highContrast = kind.startsWith("high-contrast");
  const background = variable("editor-background"), foreground = variable("foreground", "editor-foreground");
  const body = getComputedStyle(document.body);
  return {
    kind, highContrast, background, foreground,
    secondary: highContrast ? foreground : interpolateLab(background, foreground)(0.76),
    line: highContrast ? variable("contrastBorder", "foreground") : variable("panel-border", "editorWidget-border"),
    node: variable("editorWidget-background"),
    focus: highContrast ? variable("contrastActiveBorder", "focusBorder") : variable("focusBorder"),
    selection: variable("list-activeSelectionBackground"), selectionText: variable("list-activeSelectionForeground"),
    amount: ANCHORS[kind].amount,
    kinds: ["blue", "orange", "purple", "green", "yellow", "red"].map((name) => variable(`charts-${name}`)),
    font: body.fontFamily,
  };
}

/** Colour of a signed weight, clamped at ±m. */
export function weightScale(m: number): (value: number) => string {
  const { negative, zero, positive } = ANCHORS[theme().kind];
  return scaleDiverging(piecewise(interpolateLab, [negative, zero, positive])).domain([-m, 0, m]).clamp(true);
}

const palettes = new WeakMap<Theme, Uint32Array>();

/** The same as 511 packed pixels (little-endian RGBA) from −m to m, for atlases. */
export function weightPalette(): Uint32Array {
  let palette = palettes.get(theme());
  if (!palette) {
    const scale = weightScale(255);
    palettes.set(theme(), palette = Uint32Array.from({ length: 511 }, (_, i) => packed(scale(i - 255))));
  }
  return palette;
}

/** A colour as a pixel of an image (little-endian RGBA). */
export function packed(colour: string): number {
  const { r, g, b } = lab(colour).rgb().clamp();
  return (255 << 24 | Math.round(b) << 16 | Math.round(g) << 8 | Math.round(r)) >>> 0;
}

/** Lightness and largest chroma of clusters: they stand out from the ground, and no more than the text. */
const CLUSTERS: Record<ThemeKind, { light: number; chroma: number }> = { "dark": { light: 62, chroma: 52 }, "light": { light: 52, chroma: 56 }, "high-contrast": { light: 74, chroma: 62 }, "high-contrast-light": { light: 45, chroma: 60 } };

/** Colours of places [n, 2] in a plane: alike where places are near, grey in the middle. */
export function placeColours(places: Float32Array): string[] {
  const { light, chroma } = CLUSTERS[theme().kind], n = places.length / 2, radii = Float32Array.from({ length: n }, (_, i) => Math.hypot(places[2 * i], places[2 * i + 1])).sort(), far = radii[Math.floor(0.95 * (n - 1))] || 1;
  return Array.from({ length: n }, (_, i) => {
    const x = places[2 * i] / far, y = places[2 * i + 1] / far, by = chroma / Math.max(1, Math.hypot(x, y));
    return lab(light, by * x, by * y).formatHex();
  });
}

/** Colours that were mixed before in a theme: what is drawn anew for every frame asks for the same few. */
const mixed = new WeakMap<Theme, Map<string, string>>();
const MOST_MIXED = 4096;

function remembered(key: string, make: () => string): string {
  let known = mixed.get(theme());
  if (!known || known.size > MOST_MIXED) mixed.set(theme(), known = new Map());
  let colour = known.get(key);
  if (colour === undefined) known.set(key, colour = make());
  return colour;
}

/** `foreground` at a share over the ground. */
export const faded = (share: number): string => tinted(theme().foreground, share);

/** A share of a colour over another, the ground if none is named. */
export const tinted = (colour: string, share: number, ground = theme().background): string => remembered(`${colour} ${share} ${ground}`, () => interpolateLab(ground, colour)(share));

/** What can be read on a fill: the theme's own text where it stands out enough, black or white where it does not. */
export const readableOn = (fill: string): string => remembered(fill, () => textOn(fill));

function textOn(fill: string): string {
  const own = theme().foreground, contrast = (colour: string): number => {
    const [a, b] = [luminance(colour), luminance(fill)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  return contrast(own) >= 4.5 ? own : contrast("white") > contrast("black") ? "white" : "black";
}

function luminance(colour: string): number {
  const linear = (v: number): number => (v <= 10.3 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4), { r, g, b } = rgb(colour);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}
