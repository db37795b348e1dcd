import type { ErrorMap, Measured, OutputFigures, SampleTrace } from "../../src/protocol/accuracy";
import { Canvas } from "../charts/canvas";
import { faded, tinted, theme } from "../charts/colours";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { Cards } from "./cards";
import type { Pictures } from "./pictures";
import { sampleName } from "./sample-name";

/** A matrix of amounts as a picture with crisp cells, from 0 (the ground) to its largest. */
class AmountMap {
  readonly element: HTMLElement;
  private readonly canvas: Canvas;
  private map: ErrorMap | undefined;
  private least = 0;
  private most = 1;

  constructor(private readonly title: string) {
    const stage = el("div", { class: "acc-stage" });
    this.element = el("figure", { class: "acc-map" }, stage, el("figcaption", {}, title));
    this.canvas = new Canvas(stage, (context, width, height) => this.draw(context, width, height));
  }

  show(map: ErrorMap, least: number, most: number): void {
    this.map = map;
    this.least = least;
    this.most = most;
    this.element.style.setProperty("--aspect", `${map.width} / ${map.height}`);
    this.element.querySelector("figcaption")?.replaceChildren(`${this.title} · ${format.weight(least)} … ${format.weight(most)}`);
    this.canvas.redraw();
  }

  private draw(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { map, least, most } = this;
    if (!map) return;
    const cell = Math.min(width / map.width, height / map.height), { amount, highContrast, foreground } = theme(), left = Math.round((width - cell * map.width) / 2);
    map.values.forEach((value, i) => {
      const x = left + Math.floor(i % map.width * cell), y = Math.floor(Math.floor(i / map.width) * cell), share = Math.sqrt(Math.max(0, Math.min(1, (value - least) / (most - least || 1))));
      context.fillStyle = tinted(amount, share, faded(0.04));
      context.fillRect(x, y, left + Math.floor((i % map.width + 1) * cell) - x, Math.floor((Math.floor(i / map.width) + 1) * cell) - y);
    });
    if (!highContrast) return;
    context.strokeStyle = foreground;
    context.strokeRect(left + 0.5, 0.5, cell * map.width - 1, cell * map.height - 1);
  }
}

/** What became of the outputs of a model that is no classifier: numbers of each, a map of the errors, and the samples that changed most. */
export class Outputs {
  readonly element = el("section", { class: "acc-outputs", "aria-label": t("Outputs") });
  readonly cards: Cards;
  private readonly body = el("tbody");
  private readonly maps = el("div", { class: "acc-maps" });
  private readonly overall = new AmountMap(t("Mean difference by place, all samples"));
  private readonly own = [new AmountMap(t("original")), new AmountMap(t("compressed")), new AmountMap(t("difference"))];
  private selected: string | undefined;
  private measured: Measured | undefined;
  private sample: SampleTrace | undefined;
  private worst = 0;

  constructor(private readonly pictures: Pictures, choose: (position: number) => void, open: () => void) {
    this.cards = new Cards(t("Samples that changed most"), choose, open);
    const heads: [string, boolean][] = [[t("Output"), false], [t("Shape"), false], [t("Relative error"), true], [t("SQNR"), true], [t("Mean difference"), true], [t("Largest"), true]];
    this.element.append(
      el("header", { class: "acc-head" }, el("h3", {}, t("Outputs"))),
      el("div", { class: "acc-output-table" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads.map(([text, number]) => el("th", { class: number ? "number" : "" }, text)))), this.body)),
      this.maps, el("header", { class: "acc-head" }, el("h3", {}, t("Samples that changed most"))), this.cards.element);
  }

  show(measured: Measured): void {
    this.measured = measured;
    const outputs = measured.outputs ?? [], chosen = outputs.find(({ name }) => name === this.selected) ?? outputs.find(({ map }) => map) ?? outputs[0];
    this.body.replaceChildren(...outputs.map((output) => this.row(output, output === chosen)));
    this.showMaps(chosen);
    const worst = measured.deviations[0]?.relativeError ?? 1;
    if (worst !== this.worst) this.cards.clear(); // bars are shares of the worst
    this.worst = worst;
    this.cards.show(measured.deviations, ({ position, name: given, relativeError }) => {
      const name = sampleName(given);
      const bar = el("span");
      bar.style.width = `${Math.max(2, 100 * relativeError / (worst || 1))}%`;
      return el("div", { "aria-label": t("{0}, relative error {1}", name, format.relative(relativeError)), title: name }, this.pictures.of(position, name), el("div", { class: "acc-words" }, el("span", { class: "acc-is" }, name), el("span", { class: "acc-prediction after" }, el("span", { class: "acc-bar" }, bar), el("span", { class: "number" }, format.relative(relativeError)))));
    });
  }

  showSample(sample: SampleTrace | undefined): void {
    this.sample = sample;
    if (this.measured) this.show(this.measured);
  }

  private row({ name, shape, relativeError, sqnrDb, meanError, largestError }: OutputFigures, chosen: boolean): HTMLElement {
    const cells: [string, boolean][] = [[name, false], [shape ? format.shape(shape) : t("varies"), false], [format.relative(relativeError), true], [sqnrDb === undefined ? "–" : format.decibels(sqnrDb), true], [format.weight(meanError), true], [format.weight(largestError), true]];
    const row = el("tr", { "aria-selected": String(chosen), tabindex: chosen ? 0 : -1 }, ...cells.map(([text, number]) => el("td", { class: number ? "number" : "", title: text }, text)));
    row.addEventListener("click", () => { this.selected = name; if (this.measured) this.show(this.measured); });
    return row;
  }

  private showMaps(chosen: OutputFigures | undefined): void {
    const shown: HTMLElement[] = [], range = (map: ErrorMap): [number, number] => [map.values.reduce((a, b) => Math.min(a, b), Infinity), map.values.reduce((a, b) => Math.max(a, b), -Infinity)];
    if (chosen?.map) { this.overall.show(chosen.map, 0, range(chosen.map)[1]); shown.push(this.overall.element); }
    const maps = this.sample?.maps;
    if (maps) {
      const [before, after] = [range(maps.original), range(maps.compressed)], least = Math.min(before[0], after[0]), most = Math.max(before[1], after[1]);
      this.own[0].show(maps.original, least, most);
      this.own[1].show(maps.compressed, least, most);
      this.own[2].show(maps.difference, 0, most - least); // the values' own scale, so that small errors look small
      shown.push(...this.own.map(({ element }) => element));
    }
    if ([...this.maps.children].some((child, i) => child !== shown[i]) || this.maps.children.length !== shown.length) this.maps.replaceChildren(...shown);
    this.maps.hidden = !shown.length;
  }
}
