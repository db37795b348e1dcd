import type { Planning } from "../../src/protocol/recipe-page";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";

/** What predictions rest on: images that layers were rated on one by one, and whole plans that have shown what they do together. */
export class Basis {
  readonly element = el("small");
  /** The same in a sentence, under the curve that it is about. */
  readonly line = el("p", { class: "curve-basis", hidden: true });
  private planning: Planning = { state: "none" };
  private hasImages = false;
  /** How much of the whole plans has been tried that predictions are to learn from. */
  private share: number | undefined;

  show(planning: Planning, hasImages: boolean): void {
    [this.planning, this.hasImages] = [planning, hasImages];
    this.draw();
  }

  try(share: number | undefined): void {
    this.share = share;
    this.draw();
  }

  private draw(): void {
    const [text, more] = this.words();
    if (this.element.textContent !== text) this.element.textContent = text;
    this.element.title = more;
    if (this.planning.state !== "ready" && this.hasImages) return; // what stands there is of what the curve shows meanwhile
    const line = this.sentence();
    if (this.line.textContent !== line) this.line.textContent = line;
    this.line.hidden = line === "";
  }

  private sentence(): string {
    const { planning, hasImages, share } = this, { samples, together = [] } = planning.state === "ready" ? planning.facts.prediction : {};
    if (!hasImages || samples === undefined) return "";
    const images = format.whole(samples);
    if (share !== undefined) return t("Rated on {0} images; whole plans are being tried.", images);
    if (!together.length) return t("Rated layer by layer on {0} images.", images);
    return together.length === 1 ? t("Rated on {0} images, corrected by 1 whole plan.", images) : t("Rated on {0} images, corrected by {1} whole plans.", images, together.length);
  }

  private words(): [text: string, more: string] {
    const { planning, hasImages, share } = this, { samples, together = [] } = planning.state === "ready" ? planning.facts.prediction : {};
    if (planning.state === "failed") return ["", ""];
    if (!hasImages) return [t("by weights alone"), t("Nothing is run: the weights alone count.")];
    if (samples === undefined) return ["", ""];
    if (share !== undefined) return [t("trying whole plans, {0}", format.wholePercent(share)), t("Layers were rated one by one. What they do together is being measured; predictions will follow it.")];
    const rated = t("rated on {0} images", format.whole(samples));
    if (!together.length) return [rated, t("Layer by layer; what they do together is not known yet.")];
    return [rated, together.length === 1 ? t("Layer by layer; 1 whole plan has told what they do together.") : t("Layer by layer; {0} whole plans have told what they do together.", together.length)];
  }
}
