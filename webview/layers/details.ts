import { isOnIntegers, type Grid } from "../../src/protocol/report";
import type { GraphNodeFacts, KernelPage, LayerDetails, LayerRow } from "../../src/protocol/api";
import { bitsOfAll } from "../../src/protocol/bits";
import { filterResponse, filterTable, filterTaps, responseTable } from "../charts/filters";
import { channelRanges, histogramTable, rangesTable, weightHistogram } from "../charts/weights";
import { button, iconButton, tag } from "../controls";
import { el } from "../dom";
import * as format from "../format";
import { t } from "../l10n";
import type { Group } from "../graph/groups";
import { groupCaption } from "../graph/words";
import { kernelMultiples } from "./kernels";
import { section, withTable } from "./section";
import { storedAs } from "./stored";

export interface DetailActions { codebook(): void; /** Absent where nothing can be compressed. */ compress?(layer: string): void; copy(name: string): void; /** Copies a link to what is shown. */ link(): void; enter(body: string): void; go(key: string): void; kernels(layer: string, first: number, count: number): Promise<KernelPage | undefined> }

/** A neighbour in the graph that a link leads to. */
export interface Link { key: string; text: string; shape: string }
export interface Links { from: Link[]; to: Link[] }

/** `wide` ones have a line of their own, `whole` ones more where they need it, `long` ones also more room for the name. */
type Fact = [name: string, value: string, kind?: "wide" | "wide whole" | "long"];

/** All of one layer: facts, its weights' histogram, the range of every output channel, its kernels. */
export function detailsOf(details: LayerDetails, kernels: KernelPage | undefined, total: number, links: Links, actions: DetailActions): HTMLElement {
  const { row, statistics, histogram, channels } = details, share = format.percent(total ? row.bytes / total : 0), onGrid = statistics !== undefined && isOnGrid(row, statistics);
  const pane = el("section", { class: "details", "aria-label": t("Details of {0}", row.label) });
  pane.append(el("header", { class: "details-head" },
    el("h2", { title: row.name }, row.label), tag(`${row.op}${row.shape.length > 2 ? ` ${row.shape.slice(2).join("×")}` : ""}`), el("span", { class: "spacer" }), iconButton({ label: t("Copy Name"), icon: "copy", onClick: () => actions.copy(row.name) }), copyLink(actions)));
  const shows = row.codewords !== undefined || row.wavelet !== undefined || !row.skipped && row.method === undefined && !row.grids, compress = row.skipped === undefined && actions.compress;
  if (shows || compress) pane.append(el("div", { class: "details-actions" }, compress && button({ label: t("Compress Layer…"), icon: "archive", small: true, onClick: () => compress(row.name) }), shows && button({ label: row.wavelet ? t("Show Transforms") : t("Show Codebook"), icon: "symbol-array", small: true, onClick: actions.codebook })));
  pane.append(section("facts", t("Facts"), [format.shape(row.shape), storedAs(row), t("{0} weights", format.whole(row.parameters)), share].join(" · "), true,
    facts(factsOf(details, share)), linksTo(links, actions), ...(row.skipped ? [el("p", { class: "note" }, row.skipped)] : [])));
  if (row.wavelet) {
    const { wavelet } = row, note = t("{0} taps, {1} × {2} levels · a signal comes back but for {3}", wavelet.length, wavelet.summed, wavelet.levels, wavelet.reconstructionError.toExponential(1));
    pane.append(withTable(section("filters", t("Filters"), note, false, filterTaps(wavelet)), () => filterTable(wavelet)), withTable(section("response", t("Frequency response"), t("analysis, low and high pass"), false, filterResponse(wavelet)), () => responseTable(wavelet)));
  }
  if (statistics && histogram) {
    const note = t("mean {0} · σ {1} · {2} zeros", format.weight(statistics.mean), format.weight(statistics.std), format.whole(statistics.zeros));
    pane.append(inSteps(withTable(section("weights", onGrid ? t("Weights, in steps") : t("Weights"), note, false, weightHistogram(histogram, statistics)), () => histogramTable(histogram)), onGrid));
  }
  if (channels) {
    const axis = el("div", { class: "axis" }, el("span", {}, "0"), el("span", {}, t("output channel")), el("span", {}, format.whole(channels.min.length - 1)));
    pane.append(withTable(section("ranges", t("Range per output channel"), t("min–max, 5–95 %"), true, channelRanges(channels), axis), () => rangesTable(channels)));
  }
  if (kernels && statistics) pane.append(inSteps(section("kernels", onGrid ? t("Kernels, in steps") : t("Kernels"), t("{0} · by norm", format.whole(kernels.total)), false, kernelMultiples(kernels, format.roundUp(statistics.absP995), (kernel) => channelsOf(row, kernel), (first, count) => actions.kernels(row.name, first, count))), onGrid));
  return pane;
}

/** Says what steps are, over a part that counts in them. */
function inSteps(part: HTMLElement, onGrid: boolean): HTMLElement {
  if (onGrid) part.querySelector("h3 > span")?.setAttribute("title", t("The file holds whole steps of a grid. How large a step is belongs to the channel’s scale, and that is in the normalization behind this layer; the Codebooks view counts in units of that scale."));
  return part;
}

/** Whether a compressed weight lies in the file without its scale, which batch normalization behind it has taken over. */
const isOnGrid = ({ method }: LayerRow, { min, max }: { min: number; max: number }): boolean => method !== undefined && Number.isInteger(min) && Number.isInteger(max);

/** Which channels a kernel joins, by its place in the weight [M, C, …], or [C, M, …] of a transposed convolution. */
function channelsOf({ op, shape }: LayerRow, kernel: number): string {
  const first = Math.floor(kernel / shape[1]), second = kernel % shape[1];
  return op === "ConvTranspose" ? t("Input {0}, output {1}", first, second) : t("Output {0}, input {1}", first, second);
}

/** Whether a layer has kernels of more than one weight to be shown. */
export const hasKernels = ({ shape }: LayerRow): boolean => shape.slice(2).reduce((a, b) => a * b, 1) > 1;

/** Names that are longer than the column for them have a line of their own. */
const LONGEST_NAME = 11;
const attributeFact = (name: string, value: string): Fact => (name.length > LONGEST_NAME ? [name, value, "long"] : [name, value]);

/** In pairs, the two columns of one line after the other. */
function factsOf({ row, attributes }: LayerDetails, share: string): Fact[] {
  const ORDER = ["strides", "pads", "dilations", "group"], place = (name: string) => (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);
  const others = attributes.filter(({ name }) => name !== "kernel_shape").sort((a, b) => place(a.name) - place(b.name)).map(({ name, value }): Fact => attributeFact(name, value));
  const isPacked = row.method !== undefined || row.grids !== undefined || row.storedType !== undefined, isPlain = !isPacked && row.dataType === "float32";
  return [
    ...(isPlain ? [] : [[t("stored as"), t("{0}, {1} bits a weight", row.method === undefined ? row.grids?.weight.type ?? row.storedType ?? row.dataType : storedAs(row), format.bits(row.bitsPerWeight)), row.wavelet ? "wide whole" : "wide"] as Fact]),
    ...(row.originalShape ? [[t("original"), format.shape(row.originalShape), "wide"] as Fact] : []), ...gridFacts(row),
    [t("weight"), format.shape(row.shape)], [isPacked ? t("runs as") : t("type"), isOnIntegers(row) ? t("integers") : row.dataType], [t("parameters"), format.whole(row.parameters)], [t("bytes"), format.bytes(row.bytes)],
    ...(row.macs ? [[t("MACs"), format.count(row.macs)] as Fact] : []), [t("of layers"), share], ...others,
  ];
}

/** How integers become numbers: the scales of the weight, and the grids of what comes in and goes out. */
function gridFacts({ grids, staysFloat }: LayerRow): Fact[] {
  const arithmetic: Fact[] = staysFloat ? [[t("arithmetic"), t("floats, beside integers"), "wide"]] : [];
  if (!grids) return arithmetic;
  const { weight, input, output } = grids, range = ([low, high]: readonly [number, number]): string => (low === high ? format.weight(low) : `${format.weight(low)} – ${format.weight(high)}`);
  const border = (name: string, grid: Grid | undefined): Fact[] => (grid ? [[name, t("scale {0}, zero point {1}", range(grid.scale), range(grid.zeroPoint)), "wide"]] : []);
  return [
    [t("scales"), weight.axis === undefined ? range(weight.scale) : t("{0} on axis {1}, {2}", format.whole(weight.scales), weight.axis, range(weight.scale)), "wide"], ...border(t("input"), input), ...border(t("output"), output),
    [t("zero point"), range(weight.zeroPoint)], [t("integers"), weight.type], ...arithmetic,
  ];
}

const facts = (all: readonly Fact[]): HTMLElement => el("dl", { class: "facts" }, ...all.map(([name, value, kind]) => el("div", { class: kind ? `fact ${kind}` : "fact" }, el("dt", { title: name }, name), el("dd", { title: value }, value))));

function linksTo({ from, to }: Links, actions: DetailActions): HTMLElement {
  const line = (name: string, links: readonly Link[]): HTMLElement | undefined => links.length ? el("div", { class: "fact" }, el("dt", {}, name), el("dd", {}, ...links.map(({ key, text, shape }) => {
    const link = el("button", { class: "link", title: text }, text);
    link.addEventListener("click", () => actions.go(key));
    return el("span", { class: "way" }, link, " ", el("small", {}, shape));
  }))) : undefined;
  return el("dl", { class: "facts ways" }, line(t("from"), from), line(t("to"), to));
}

const copyLink = (actions: DetailActions): HTMLElement => iconButton({ label: t("Copy Link"), icon: "link", onClick: actions.link });

/** An operator without weights: what it is called, what comes in and goes out. */
export function operatorDetails({ label: title, op, fused, shape: dims, attributes = [], bodies = [], held, bytes }: GraphNodeFacts, total: number, links: Links, actions: DetailActions): HTMLElement {
  const operators = [op, ...fused], shape = dims ? format.shape(dims) : "";
  const inside: Fact[] = held ? [[t("layers"), format.whole(held.length)], [t("bytes"), format.bytes(bytes)], [t("of layers"), format.percent(total ? bytes / total : 0)]] : [];
  const enter = bodies.map(({ path, title: body }) => button({ label: t("Enter {0}", body), icon: "symbol-namespace", small: true, onClick: () => actions.enter(path) }));
  return el("section", { class: "details", "aria-label": t("Details of {0}", title) },
    el("header", { class: "details-head" }, el("h2", { title }, title), ...operators.slice(0, 1).map(tag), el("span", { class: "spacer" }), copyLink(actions)),
    ...(enter.length ? [el("div", { class: "details-actions" }, ...enter)] : []),
    section("operator", t("Facts"), operators.join(" · "), false, facts([...(operators.length > 1 ? [[t("operators"), operators.join(" · "), "wide"] as Fact] : []), ...(shape ? [[t("shape"), shape, "wide"] as Fact] : []), ...inside, ...attributes.map(([name, value]) => attributeFact(name, value))]), linksTo(links, actions)));
}

/** A group: how much is in it, and its layers. */
export function groupDetails(group: Group, rows: readonly LayerRow[], total: number, links: Links, actions: DetailActions, keyOf: (layer: string) => string | undefined): HTMLElement {
  const inside = rows.filter(({ name }) => group.layers.includes(name)), parameters = inside.reduce((sum, row) => sum + row.parameters, 0), most = Math.max(1, ...inside.map(({ bytes }) => bytes)), bits = bitsOfAll(inside);
  const list = inside.map((row) => {
    const bar = el("span", { class: "bar" }, Object.assign(el("span"), { style: `width:${100 * row.bytes / most}%` })), line = el("button", { class: "layer-link" }, el("span", {}, row.label), bar, el("span", { class: "number" }, format.bytes(row.bytes)));
    line.addEventListener("click", () => { const key = keyOf(row.name); if (key !== undefined) actions.go(key); });
    return line;
  });
  return el("section", { class: "details", "aria-label": t("Details of {0}", group.title) },
    el("header", { class: "details-head" }, el("h2", { title: group.title }, group.title), tag(groupCaption(group))),
    section("group", t("Facts"), format.bytes(group.bytes), false, facts([
      [t("layers"), format.whole(inside.length)], [t("parameters"), format.count(parameters)], [t("bytes"), format.bytes(group.bytes)], [t("of layers"), format.percent(total ? group.bytes / total : 0)],
      ...(bits === undefined ? [] : [[t("bits"), format.bits(bits)] as Fact]),
    ]), linksTo(links, actions)),
    section("layers", t("Layers"), t("in the order of the file"), false, ...list));
}
