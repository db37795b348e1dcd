import type { LayerRow } from "../src/protocol/api";
import type { HostApi } from "../src/protocol/page";
import { measuresOf, type Measure, type MeasureId } from "./charts/measures";
import { iconButton, select } from "./controls";
import { el } from "./dom";
import { t } from "./l10n";

type Asked = "unknown" | "asked" | "missing" | "known";

/** What the layers of a model are coloured by: the choice, and figures that are asked for once somebody wants to see them. */
export class Colouring {
  private rows: LayerRow[] = [];
  /** Signal to noise takes the original. */
  private noise: Asked = "unknown";
  private sensitivity: { known?: Record<string, number>; state: Asked } = { state: "unknown" };

  /** @param changed is told whenever colours, or what is said of them, are others */
  constructor(private readonly host: Pick<HostApi, "noise" | "sensitivity" | "chooseOriginal" | "act">, private chosen: MeasureId | undefined, private readonly changed: (chosen: MeasureId | undefined) => void) {}

  /** Layers of a file that was read, or read anew. */
  reset(rows: LayerRow[]): void {
    this.rows = rows;
    this.noise = "unknown";
    this.sensitivity = { state: "unknown" };
  }

  get measures(): Measure[] { return measuresOf(this.rows, this.sensitivity.known); }
  get measure(): Measure {
    const { measures } = this;
    return measures.find(({ id }) => id === this.chosen) ?? measures[0];
  }

  /** A drop-down, in a narrow editor a button that goes on to the next. */
  controls(): HTMLElement[] {
    const { measures, measure } = this, apply = (id: MeasureId): void => {
      this.chosen = id;
      this.changed(id);
      this.ask();
    };
    const list = select<MeasureId>({ label: t("Colour"), values: measures.map(({ id, title }) => ({ value: id, text: title })), value: measure.id, onChange: apply });
    const next = iconButton({ label: t("Colour by Something Else"), icon: "symbol-color", onClick: () => {
      const at = measures.findIndex(({ id }) => id === this.measure.id), { id } = measures[(at + 1) % measures.length];
      list.value = id;
      apply(id);
    } });
    return [el("label", { class: "colour" }, el("span", {}, t("Colour")), list), el("span", { class: "colour-next" }, next)];
  }

  /** Asks for what is missing to the present colours. */
  ask(): void {
    const { id } = this.measure;
    if (id === "sqnr" && this.noise === "unknown") void this.askNoise();
    if (id === "sensitivity" && ["unknown", "missing"].includes(this.sensitivity.state)) void this.askSensitivity();
  }

  /** The original is known now, as it may not have been before. */
  originalFound(): void { if (this.noise === "missing") void this.askNoise(); }

  /** What is missing, and the way to it. */
  note(): { text: string; button: string; run(): void } | undefined {
    if (this.chosen === "sqnr" && this.noise === "missing") return { text: t("Signal to noise needs the original, which is not known."), button: t("Choose Original…"), run: () => void this.host.chooseOriginal() };
    if (this.chosen === "sensitivity" && this.sensitivity.state === "missing") return { text: t("Sensitivity is known once layers have been rated on images."), button: t("Plan…"), run: () => void this.host.act("open-recipe") };
    return undefined;
  }

  /** From the weights of this file and its original; nothing is run for it. */
  private async askNoise(): Promise<void> {
    const { rows } = this;
    this.noise = "asked";
    const noise = await this.host.noise().catch(() => undefined);
    if (rows !== this.rows) return;
    this.noise = noise ? "known" : "missing";
    for (const row of rows) row.sqnrDb = noise?.[row.name];
    this.changed(this.chosen);
  }

  /** What plans have measured; nothing is run for it. */
  private async askSensitivity(): Promise<void> {
    const { rows } = this;
    this.sensitivity.state = "asked";
    const known = await this.host.sensitivity().catch(() => undefined);
    if (rows !== this.rows) return;
    this.sensitivity = { known, state: known ? "known" : "missing" };
    this.changed(this.chosen);
  }
}
