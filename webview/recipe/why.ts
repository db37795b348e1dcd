import { line, scalePow } from "d3";
import type { PlanLayer, PlanPoint } from "../../src/protocol/plan";
import type { LayerSetting } from "../../src/protocol/recipe-page";
import { select } from "../controls";
import { el, svg } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import { choiceParts } from "./choice-text";
import type { IntegerFacts } from "./integer-facts";
import { effectText } from "./integers";
import { pinOf, type Plans } from "./plans";
import { staysText } from "./stays-text";
import { stepTexts } from "./step-text";

export interface WhyActions { /** The size or the bits that are asked for, in words, where it is not for a preset to weigh what pays. */ limit?: string; leave(): void; keep(): void; atLeast(bits: number): void; free(): void; choose(under: HTMLElement): void; setFloats(floats: boolean): void; /** One step less or more for the layer. */ step(by: 1 | -1): void }

const LEAST_BITS = [2, 3, 4, 6, 8];

/** Why a layer is stored as it is, what one step more would cost, what can be done about it, and its own curve. */
export function whyOf(plans: Plans, point: PlanPoint, at: number, setting: LayerSetting | undefined, integers: IntegerFacts | undefined, actions: WhyActions): HTMLElement {
  const layer = plans.facts.layers[at], pinned = pinOf(setting);
  const link = (text: string, onClick: (element: HTMLElement) => void): HTMLElement => {
    const element = el("button", { class: "link" }, text);
    element.addEventListener("click", () => onClick(element));
    return element;
  };
  const now = typeof setting?.pin === "object" ? setting.pin.atLeastBits : undefined;
  const least = select({ label: t("At least so many bits per weight"), values: [{ value: "", text: t("At Least … Bits") }, ...LEAST_BITS.map((bits) => ({ value: String(bits), text: t("At Least {0} Bits", bits) }))], value: now !== undefined && LEAST_BITS.includes(now) ? String(now) : "", onChange: (value) => { if (value) actions.atLeast(Number(value)); else actions.free(); } });
  const steps = STEPS.map((by) => { const element = link("", () => actions.step(by)); element.classList.add("why-one-step"); element.dataset.by = String(by); return element; });
  const links = layer.blocked !== undefined ? [] : [
    ...steps,
    ...(pinned ? [link(t("Unpin"), () => actions.free())] : [link(t("Keep as It Is"), () => actions.keep())]),
    ...(setting?.pin === "leave" ? [] : [link(t("Leave Alone"), () => actions.leave())]), least, link(t("Set Method…"), (element) => actions.choose(element)),
    ...(integers ? [integers.floats === "recipe" ? link(t("Back to Integers"), () => actions.setFloats(false)) : link(t("Keep in Floats"), () => actions.setFloats(true))] : []),
  ];
  const why = el("div", { class: "why", role: "row" }, el("div", { class: "why-text", role: "gridcell" }, el("p", {}, sentences(plans, point, at, pinned, actions.limit)), ...integerSentences(integers).map((text) => el("p", {}, text)), el("div", { class: "why-links" }, ...links)), ...(layer.blocked === undefined ? [el("div", { class: "why-curve-cell", role: "gridcell" }, curveOf(layer, point.choices[at]))] : []));
  showSteps(why, plans, point, at);
  return why;
}

/** Down and up. */
const STEPS = [-1, 1] as const;

/** What both steps save or cost, where the table has no room for it; one that is not there is not offered. */
function showSteps(why: HTMLElement, plans: Plans, point: PlanPoint, at: number): void {
  for (const element of why.querySelectorAll<HTMLElement>(".why-one-step")) {
    const isUp = element.dataset.by === "1", step = plans.step(point, at, isUp ? 1 : -1), texts = step && stepTexts(plans, step);
    element.hidden = !texts;
    element.textContent = !texts ? "" : isUp ? t("One Step Up: {0}, {1}", ...texts) : t("One Step Down: {0}, {1}", ...texts);
  }
}

/** The same where only the plan has changed, so that nothing is taken out of a hand. */
export function refreshWhy(element: HTMLElement, plans: Plans, point: PlanPoint, at: number, setting: LayerSetting | undefined, limit: string | undefined): void {
  element.querySelector("p")?.replaceChildren(sentences(plans, point, at, pinOf(setting), limit));
  element.querySelector(".why-curve")?.replaceWith(curveOf(plans.facts.layers[at], point.choices[at]));
  showSteps(element, plans, point, at);
}

/** What the layer costs as integers, and what 8 bits show badly of it. */
function integerSentences(facts: IntegerFacts | undefined): string[] {
  if (!facts) return [];
  const { floats, reason, alone, without, warnings } = facts, isShare = alone?.agreement !== undefined;
  const cost = alone && without && (isShare ? t("As integers it alone leaves agreement at {0}, all but it at {1}.", effectText(alone), effectText(without)) : t("As integers it alone puts the outputs {0}, all but it {1}.", effectText(alone), effectText(without)));
  const text = [floats === "recipe" ? t("It is computed with floats.") : reason ?? "", cost].filter(Boolean).join(" ");
  return [...(text ? [text] : []), ...warnings];
}

/** Cause, then price. */
function sentences(plans: Plans, point: PlanPoint, at: number, pinned: string | undefined, limit: string | undefined): string {
  const { layers, prediction } = plans.facts, layer = layers[at], choice = layer.choices[point.choices[at]], rank = plans.rankBySensitivity(at);
  if (layer.blocked !== undefined) return t("Left as it is: {0}", layer.blocked);
  const weight = layers.reduce((sum, { bytes }) => sum + bytes, 0), share = weight ? layer.bytes / weight : 0, bySize = 1 + layers.filter(({ bytes }) => bytes > layer.bytes).length;
  const cause = rank === undefined ? t("{0} of the layers’ bytes.", format.percent(share))
    : rank > bySize && pays(plans, point, pinned) ? t("{0} of the layers’ bytes but sensitivity rank {1} of {2}, so it pays for the others.", format.percent(share), rank, layers.length)
    : t("{0} of the layers’ bytes, sensitivity rank {1} of {2}.", format.percent(share), rank, layers.length);
  const held = pinned === undefined ? "" : choice.method === undefined ? t("Pinned: it is left alone, whatever the target.") : t("Pinned: {0}, whatever the target.", pinned.toLowerCase());
  const up = plans.step(point, at, 1), to = up && (layer.choices[up.choice].method === undefined ? t("the weights as they are") : choiceParts(layer.choices[up.choice]).join(" · ")), gained = up && (prediction.of === "agreement" ? t("{0} points", format.hundredths(100 * up.quality)) : t("{0} dB", format.hundredths(up.quality)));
  const price = up && to && gained && (plans.triesFewer(point) ? t("With all channels one step up, to {0}, costs {1} for {2}.", to, format.bytes(up.bytes), gained) : t("One step up, to {0}, costs {1} for {2}.", to, format.bytes(up.bytes), gained));
  const gain = choice.method === undefined && pinned === undefined ? staysText(layer, limit) : "";
  return [cause, held, gain, price].filter(Boolean).join(" ");
}

/** Whether a layer can have been given fewer bytes for the others' sake: nobody holds it, and not all are stored alike. */
const pays = ({ facts: { layers } }: Plans, { choices }: PlanPoint, pinned: string | undefined): boolean =>
  pinned === undefined && new Set(layers.flatMap(({ choices: all, blocked }, i) => (blocked === undefined ? [JSON.stringify([all[choices[i]].method, all[choices[i]].options])] : []))).size > 1;

const WIDTH = 216, HEIGHT = 46;

/** Loss over bits of all that the layer can become, with where it is now. */
function curveOf({ choices, label }: PlanLayer, now: number): SVGElement {
  const steps = choices.filter(({ step, bits, method }) => step && method !== undefined && bits <= 10), most = Math.max(8, ...steps.map(({ bits }) => bits)), worst = Math.max(1e-12, ...steps.map(({ loss }) => loss), choices[now].loss);
  const room = Math.max(16, 6 * t("bits").length); // of the axis' name behind its last number
  const x = scalePow().exponent(0.6).domain([0, most]).range([4, WIDTH - 16 - room]), y = scalePow().exponent(0.5).domain([0, worst]).range([HEIGHT - 16, 5]).clamp(true);
  const chart = svg("svg", { class: "why-curve", width: WIDTH, height: HEIGHT, role: "img", "aria-label": t("Loss of {0} over bits per weight", label) });
  const text = (x: number, y: number, anchor: string, words: string): SVGElement => { const element = svg("text", { x, y, "text-anchor": anchor }); element.textContent = words; return element; };
  chart.append(svg("line", { class: "why-axis", x1: 0, x2: WIDTH - 12 - room, y1: HEIGHT - 14, y2: HEIGHT - 14 }), ...[1, 2, 4, 8].map((bits) => text(x(bits), HEIGHT - 2, "middle", String(bits))), text(WIDTH, HEIGHT - 2, "end", t("bits")), text(WIDTH, 12, "end", t("loss")));
  chart.append(svg("path", { class: "why-line", d: line<(typeof steps)[number]>().x(({ bits }) => x(bits)).y(({ loss }) => y(loss))(steps) ?? "" }));
  for (const { bits, loss } of steps) chart.append(svg("circle", { class: "why-step", cx: x(bits), cy: y(loss), r: 2 }));
  if (choices[now].bits <= most) chart.append(svg("circle", { class: "why-now", cx: x(choices[now].bits), cy: y(choices[now].loss), r: 4 }));
  return chart;
}
