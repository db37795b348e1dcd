import type { Device } from "../../src/protocol/api";
import type { PreparationFacts } from "../../src/protocol/plan";
import type { RecipeChange, RecipeView } from "../../src/protocol/recipe-page";
import { field, select } from "../controls";
import { el } from "../dom";
import { t } from "../l10n";

interface Entry { path: string[]; label: string; hint: string; kind: "count" | "size" | "numbers" | "path" }

const entries = (): Entry[] => [
  { path: ["data", "limit"], label: t("Images at most"), hint: t("all that fit"), kind: "count" },
  { path: ["data", "evalFolder"], label: t("Measure on"), hint: t("a fifth of the folder"), kind: "path" },
  { path: ["preprocess", "resize"], label: t("Resize"), hint: t("the model’s input"), kind: "size" },
  { path: ["preprocess", "crop"], label: t("Crop"), hint: t("none"), kind: "size" },
  { path: ["preprocess", "mean"], label: t("Mean"), hint: t("as the folder says"), kind: "numbers" },
  { path: ["preprocess", "std"], label: t("Deviation"), hint: t("as the folder says"), kind: "numbers" },
  { path: ["preprocess", "scale"], label: t("Scale"), hint: t("as the folder says"), kind: "numbers" },
];

/** Images and how they are prepared, the device and the seed: every field empty or as the recipe has it. */
export class Settings {
  readonly element = el("section", { class: "settings" });
  private readonly fields: { entry: Entry; element: HTMLElement & { value: string } }[] = [];
  private readonly seed: HTMLElement & { value: string };
  private readonly places = { channels: el("span"), device: el("span") };
  private readonly lists = new Map<string, string>();
  private view: RecipeView | undefined;
  private prepared: PreparationFacts | undefined;

  constructor(private readonly change: (changes: RecipeChange[]) => void) {
    const heading = el("h2", {}, t("Images and Device")), grid = el("div", { class: "settings-grid" });
    for (const entry of entries()) {
      const element = field({ label: entry.hint, onInput: () => undefined });
      element.setAttribute("aria-label", entry.label);
      element.addEventListener("change", () => this.take(entry, element));
      grid.append(el("label", {}, el("span", {}, entry.label), element));
      this.fields.push({ entry, element });
    }
    this.seed = field({ label: "1", onInput: () => undefined });
    this.seed.setAttribute("aria-label", t("Seed"));
    this.seed.addEventListener("change", () => {
      const value = this.seed.value.trim(), seed = Number(value);
      if (value === "" || Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) this.change([{ path: ["seed"], value: value === "" ? undefined : seed }]);
      else this.seed.classList.add("wrong");
    });
    grid.append(el("label", {}, el("span", {}, t("Channels")), this.places.channels), el("label", {}, el("span", {}, t("Device")), this.places.device), el("label", {}, el("span", {}, t("Seed")), this.seed));
    this.element.append(heading, grid);
  }

  show(view: RecipeView): void {
    const { view: before } = this, isSame = before && JSON.stringify([before.model, before.data, before.preprocess]) === JSON.stringify([view.model, view.data, view.preprocess]);
    this.view = view;
    if (!isSame) this.showPrepared(undefined);
    for (const { entry, element } of this.fields) {
      if (element.contains(document.activeElement) || element === document.activeElement) continue;
      element.value = shown(valueAt(view, entry.path));
      element.classList.remove("wrong");
    }
    if (this.seed !== document.activeElement) this.seed.value = view.seed === undefined ? "" : String(view.seed);
    this.showChannels();
    const devices: [Device, string][] = [["auto", t("automatic")], ["cpu", "CPU"], ["webgpu", "WebGPU"], ["cuda", "CUDA"], ["dml", "DirectML"], ["coreml", "Core ML"]], setting = devices.find(([device]) => device === view.deviceSetting)?.[1] ?? t("automatic");
    this.list("device", t("Device"), view.device ?? "", [["", t("{0} (setting)", setting)], ...devices], (value) => this.change([{ path: ["device"], value: value || undefined }]));
  }

  /** What holds where a field is empty, once that is known. */
  showPrepared(preparation: PreparationFacts | undefined): void {
    if (this.prepared === preparation) return;
    this.prepared = preparation;
    for (const { entry, element } of this.fields) {
      const value = preparation && entry.path[0] === "preprocess" ? shown(valueAt({ preprocess: { ...preparation } }, entry.path)) : "";
      element.setAttribute("placeholder", value || entry.hint);
    }
    this.showChannels();
  }

  private showChannels(): void {
    const own = this.view?.preprocess?.channels, names: [string, string][] = [["rgb", "RGB"], ["bgr", "BGR"], ["gray", t("grey")]];
    const found = own === undefined ? names.find(([value]) => value === this.prepared?.channels)?.[1] : undefined; // what folder and model come to
    this.list("channels", t("Channels"), String(own ?? ""), [["", found === undefined ? t("automatic") : t("{0} (automatic)", found)], ...names], (value) => this.change([{ path: ["preprocess", "channels"], value: value || undefined }]));
  }

  private list(place: keyof Settings["places"], label: string, value: string, values: readonly [string, string][], onChange: (value: string) => void): void {
    const shown = [value, ...values.map(([, text]) => text)].join("\n");
    if (this.lists.get(place) === shown) return;
    this.lists.set(place, shown);
    this.places[place].replaceChildren(select({ label, values: values.map(([value, text]) => ({ value, text })), value, onChange }));
  }

  private take({ path, kind }: Entry, element: HTMLElement & { value: string }): void {
    const text = element.value.trim(), value = text === "" ? undefined : read(text, kind);
    element.classList.toggle("wrong", text !== "" && value === undefined);
    if (text !== "" && value === undefined || this.view && JSON.stringify(valueAt(this.view, path)) === JSON.stringify(value)) return;
    this.change([{ path, value }]);
  }
}

function valueAt({ data, preprocess }: Pick<RecipeView, "data" | "preprocess">, [group, name]: string[]): unknown {
  const from: Record<string, unknown> | undefined = group === "data" ? { ...data } : preprocess;
  return from?.[name];
}

/** A value as it is typed: a fraction of one as such. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  const parts = typeof value === "number" && value > 0 && value < 0.01 ? 1 / value : NaN;
  return Math.abs(parts - Math.round(parts)) < 1e-6 ? `1/${Math.round(parts)}` : typeof value === "number" || typeof value === "string" ? String(value) : "";
}

/** What was typed as a recipe has it; undefined where it makes no sense. */
function read(text: string, kind: Entry["kind"]): unknown {
  if (kind === "path") return text;
  const numbers = text.split(/[\s,×x]+/).filter(Boolean).map((part) => (/^\d+\/\d+$/.test(part) ? Number(part.split("/")[0]) / Number(part.split("/")[1]) : Number(part)));
  if (!numbers.length || !numbers.every((n) => Number.isFinite(n))) return undefined;
  const isWhole = numbers.every((n) => Number.isInteger(n) && n > 0);
  if (kind === "count") return isWhole && numbers.length === 1 ? numbers[0] : undefined;
  if (kind === "size") return isWhole && numbers.length <= 2 ? (numbers.length === 1 ? numbers[0] : numbers) : undefined;
  return numbers.length === 1 ? numbers[0] : numbers;
}
