import { faded, readableOn, theme, tinted } from "../charts/colours";
import { clipped, clippedName } from "../charts/text";
import * as format from "../format";
import { t } from "../l10n";
import type { Pen } from "./drawing";
import { FRAME_HEAD } from "./nested";
import { isBorder, isPill, keyOf, NODE_HEIGHT, PILL_HEIGHT, SHEET, sheetsOf, STRIP_HEIGHT, type Drawn, type Placed } from "./scene";
import { bytesOf, groupCaption, holderCaption, shortened } from "./words";

/** Draws a laid out graph on a canvas, in its own coordinates. */

export interface Look {
  /** Keys of the selected item and of what a search found. */
  selected: string | undefined;
  hits: ReadonlySet<string>;
  /** Whether the keyboard is here. */
  focused: boolean;
  /** Colour of the amount that an item holds. */
  colour(box: Placed): string | undefined;
  /** Bytes of all layers. */
  total: number;
  zoom: number;
  /** What is in sight, in the graph's coordinates. */
  sight: { left: number; top: number; right: number; bottom: number };
  /** 0 to 1 while an unfolding goes on, and what comes into being by it. */
  progress: number;
  fresh: ReadonlySet<string>;
  /** All that lies between two nodes, which stands out then. */
  route?: { items: ReadonlySet<string>; edges: ReadonlySet<number> };
}

const CORNER = 7, SMALL_ZOOM = 0.4, TINY_ZOOM = 0.14, OUTLINE = 0.24, ASIDE = 0.3;

export function paint(context: Pen, drawn: Drawn, look: Look): void {
  const { sight, route } = look, seen = ({ left, top, width, height }: Placed): boolean => left < sight.right && left + width + 8 > sight.left && top < sight.bottom && top + height + 8 > sight.top;
  const boxes = drawn.items.filter(seen), lines = drawn.lines.filter(({ top, bottom }) => top <= sight.bottom && bottom >= sight.top);
  if (look.zoom < TINY_ZOOM) { paintTiny(context, boxes, lines, look); return; }
  const alpha = (key: string): number => (look.fresh.has(key) ? look.progress : 1) * (route && !route.items.has(key) ? ASIDE : 1);
  const drawing = (box: Placed, draw: (context: Pen, box: Placed, look: Look) => void): void => {
    context.globalAlpha = alpha(box.item.key);
    draw(context, box, look);
  };
  for (const box of boxes) if (box.item.inside) drawing(box, frame);
  for (const line of lines) {
    const isOn = line.edges.some((e) => route?.edges.has(e));
    context.globalAlpha = look.progress * (route && !isOn ? ASIDE : 1);
    edge(context, line, look, isOn);
  }
  for (const box of boxes) if (!box.item.inside) drawing(box, isPill(box.item) ? pill : card);
  context.globalAlpha = 1;
  if (look.zoom > SMALL_ZOOM) for (const box of boxes) if (box.item.row) bracket(context, box, drawn);
}

/** From far away: plain boxes and lines, nothing twice on one pixel. */
function paintTiny(context: Pen, boxes: readonly Placed[], lines: Drawn["lines"], { zoom, route, selected, hits, colour }: Look): void {
  const colours = theme(), fills = new Map<string, Placed[]>(), taken = new Set<number>(), pixel = 1 / zoom;
  context.lineWidth = 0.8 * pixel;
  context.strokeStyle = faded(0.45);
  context.beginPath();
  for (const { points } of lines) {
    const last = points.length - 2;
    // a line that is shorter than its ends are high is covered by them
    if (points[last + 1] - points[1] < 3 * pixel) continue;
    context.moveTo(points[0], points[1]);
    for (let i = 2; i <= last; i += 2) context.lineTo(points[i], points[i + 1]);
  }
  context.stroke();
  const plain = faded(0.2), framed = faded(0.05);
  for (const box of boxes) {
    const { item, left, top } = box, place = Math.round(top * zoom) * 65536 + Math.round(left * zoom);
    if (!item.inside && taken.has(place) && item.key !== selected) continue;
    if (!item.inside) taken.add(place);
    const fill = item.inside ? framed : route && !route.items.has(item.key) ? plain : colour(box) ?? plain, known = fills.get(fill);
    if (known) known.push(box);
    else fills.set(fill, [box]);
  }
  for (const [fill, some] of [...fills].sort(([a], [b]) => Number(b === framed) - Number(a === framed))) {
    context.fillStyle = fill;
    for (const { left, top, width, height } of some) context.fillRect(left, top, Math.max(width, pixel), Math.max(height, pixel));
  }
  context.fillStyle = colours.focus;
  for (const { item, left, top, width, height } of boxes) if (item.key === selected || hits.has(item.key)) context.fillRect(left, top, Math.max(width, 3 * pixel), Math.max(height, 3 * pixel));
}

function edge(context: Pen, { points, shape, alone, skip, arrow }: Drawn["lines"][number], { zoom }: Look, isOnRoute: boolean): void {
  const last = points.length - 2, [x, y] = [points[last], points[last + 1]], colours = theme();
  context.strokeStyle = context.fillStyle = isOnRoute ? colours.focus : colours.secondary;
  context.lineWidth = isOnRoute ? 2.4 : 1.2;
  context.beginPath();
  context.moveTo(points[0], points[1]);
  for (let i = 2; i < last; i += 2) context.arcTo(points[i], points[i + 1], points[i + 2], points[i + 3], Math.min(CORNER, Math.abs(points[i + 2] - points[i] || points[i + 3] - points[i + 1]) / 2, Math.abs(points[i] - points[i - 2] || points[i + 1] - points[i - 1]) || CORNER));
  context.lineTo(x, y);
  context.stroke();
  if (arrow) {
    const aside = points[last - 1] === y && points[last - 2] !== x, sign = Math.sign(points[last - 2] - x) || 1;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(aside ? x + 6 * sign : x - 4, aside ? y - 4 : y - 6);
    context.lineTo(aside ? x + 6 * sign : x + 4, aside ? y + 4 : y - 6);
    context.fill();
  }
  if (zoom < SMALL_ZOOM) return;
  context.font = `11px ${colours.font}`;
  if (shape && alone) context.fillText(format.caption(shape), x + 10, y - 6);
  if (skip && points.length > 6) {
    const [column, from, to] = [points[last - 2], points[3], y];
    if (to - from < 60) return;
    context.save();
    context.translate(column + 14, (from + to) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(t("skip"), 0, 0);
    context.restore();
  }
}

function outline(context: Pen, { item }: Placed, look: Look, width: number): void {
  const colours = theme(), chosen = item.key === look.selected, hit = look.hits.has(item.key);
  context.strokeStyle = hit && !chosen ? colours.focus : colours.highContrast ? colours.line : faded(OUTLINE);
  context.lineWidth = hit && !chosen ? 2 : width;
  if (hit && !chosen) context.setLineDash([4, 3]);
  context.stroke();
  context.setLineDash([]);
}

/** A ring around the selected item, thicker while the keyboard is here. */
function ring(context: Pen, { left, top, width, item }: Placed, height: number, radius: number, look: Look): void {
  if (item.key !== look.selected) return;
  const room = 1.5 / Math.min(1, look.zoom);
  context.beginPath();
  context.roundRect(left - room, top - room, width + 2 * room, height + 2 * room, radius + room);
  context.strokeStyle = theme().focus;
  context.lineWidth = (look.focused ? 3 : 2) / Math.min(1, look.zoom);
  context.stroke();
}

function frame(context: Pen, box: Placed, look: Look): void {
  const { left, top, width, height, item: { group, title } } = box, colours = theme();
  context.beginPath();
  context.roundRect(left, top, width, height, 6);
  context.fillStyle = faded(0.035);
  if (!colours.highContrast) context.fill();
  outline(context, box, look, 1);
  ring(context, box, height, 6, look);
  if (!group || look.zoom < SMALL_ZOOM / 2) return;
  chevron(context, left + 16, top + FRAME_HEAD / 2, true);
  const size = format.bytes(group.bytes), y = top + 17, end = left + width - 12;
  context.fillStyle = colours.foreground;
  context.font = `13px ${colours.font}`;
  const room = width - 56 - context.measureText(size).width, name = clippedName(context, title, room), used = context.measureText(name).width + 8;
  context.fillText(name, left + 28, y);
  right(context, size, end, y);
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.secondary;
  if (room - used > 40) context.fillText(clipped(context, groupCaption(group, true), room - used), left + 28 + used, y);
}

/** A layer, a folded group or a node with layers inside: name and size, operator and share. */
function card(context: Pen, box: Placed, look: Look): void {
  const { left, top, width, item } = box, { node, group } = item, colours = theme(), bytes = bytesOf(item), colour = look.colour(box);
  const fill = colours.highContrast ? colours.background : colour ? tinted(colour, 0.42, faded(0.08)) : faded(0.05), text = readableOn(fill);
  for (let i = sheetsOf(item); i > 0; i--) {
    context.beginPath();
    context.roundRect(left + SHEET * i, top + SHEET * i, width, NODE_HEIGHT, 4);
    context.fillStyle = colours.background;
    context.fill();
    context.strokeStyle = faded(OUTLINE);
    context.lineWidth = 1;
    context.stroke();
  }
  if (node?.fused.length) strip(context, box, NODE_HEIGHT, node.fused.join(" · "), look);
  context.beginPath();
  context.roundRect(left, top, width, NODE_HEIGHT, 4);
  context.fillStyle = fill;
  context.fill();
  if (colour) {
    context.save();
    context.clip();
    context.fillStyle = colour;
    context.fillRect(left, top, 4, NODE_HEIGHT);
    context.restore();
  }
  context.beginPath();
  context.roundRect(left, top, width, NODE_HEIGHT, 4);
  outline(context, box, look, 1);
  ring(context, box, NODE_HEIGHT, 4, look);
  if (look.zoom < SMALL_ZOOM / 2) return;
  const opens = group || node?.held, start = left + (opens ? 28 : 15), end = left + width - 11;
  if (opens) chevron(context, left + 15, top + NODE_HEIGHT / 2, false, text);
  const size = format.bytes(bytes), share = format.percent(bytes / (look.total || 1));
  context.fillStyle = text;
  context.font = `13px ${colours.font}`;
  right(context, size, end, top + 17);
  context.fillText(clippedName(context, item.title, end - start - 12 - context.measureText(size).width), start, top + 17);
  if (look.zoom < SMALL_ZOOM) return;
  context.font = `11px ${colours.font}`;
  context.fillStyle = text;
  const caption = group ? groupCaption(group) : node?.held ? holderCaption(node) : fitting(context, node?.caption ?? "", end - start), shareWidth = context.measureText(share).width + 12, both = context.measureText(caption).width + shareWidth <= end - start;
  context.fillText(clipped(context, caption, end - start - (both ? shareWidth : 0)), start, top + 32);
  if (both) right(context, share, end, top + 32);
}

/** Less of a name tells nothing. */
const LEAST_NAME = 48;

/** An input, an output, or an operator without weights. */
function pill(context: Pen, box: Placed, look: Look): void {
  const { left, top, width, item } = box, node = item.node!, colours = theme(), border = isBorder(item);
  if (node.fused.length) strip(context, box, PILL_HEIGHT, node.fused.join(" · "), look);
  context.beginPath();
  context.roundRect(left, top, width, PILL_HEIGHT, PILL_HEIGHT / 2);
  context.fillStyle = colours.highContrast ? colours.background : faded(0.05);
  context.fill();
  outline(context, box, look, border ? 1.2 : 1);
  ring(context, box, PILL_HEIGHT, PILL_HEIGHT / 2, look);
  if (look.zoom < SMALL_ZOOM / 2) return;
  context.fillStyle = colours.foreground;
  context.font = `13px ${colours.font}`;
  const name = border ? node.name : node.op, all = border && node.shape ? format.caption(node.shape) : "", beside = width - 28 - context.measureText(all).width - 12;
  const shape = beside >= Math.min(context.measureText(name).width, LEAST_NAME) ? all : ""; // a name that can be read goes before
  if (shape) right(context, shape, left + width - 12, top + 14.5);
  context.fillText(clippedName(context, name, shape ? beside : width - 28), left + 16, top + 14.5);
  if (node.bodies) chevron(context, left + width - 14, top + PILL_HEIGHT / 2, false); // there is more inside
}

/** What follows an operator hangs under it. */
function strip(context: Pen, { left, top, width }: Placed, below: number, text: string, { zoom }: Look): void {
  const colours = theme();
  context.beginPath();
  context.roundRect(left, top + below - 4, width, STRIP_HEIGHT + 4, 4);
  context.fillStyle = colours.background;
  context.fill();
  context.strokeStyle = colours.highContrast ? colours.line : faded(OUTLINE);
  context.lineWidth = 1;
  context.stroke();
  if (zoom < SMALL_ZOOM) return;
  context.font = `11px ${colours.font}`;
  context.fillStyle = colours.secondary;
  context.fillText(clipped(context, text, width - 26), left + 15, top + below + 13.5);
}

/** Beside the blocks of an unfolded row: what folds them again. */
function bracket(context: Pen, box: Placed, drawn: Drawn): void {
  const place = bracketOf(box, drawn);
  if (!place) return;
  context.strokeStyle = theme().secondary;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(place.x + 4, place.top + 16);
  context.lineTo(place.x, place.top + 16);
  context.lineTo(place.x, place.bottom);
  context.lineTo(place.x + 4, place.bottom);
  context.stroke();
  chevron(context, place.x, place.top + 8, true);
}

/** Where a row's bracket is, asked at its first block. */
export function bracketOf({ item }: Placed, drawn: Drawn): { x: number; top: number; bottom: number } | undefined {
  if (!item.row || item.key !== keyOf(item.row.members[0])) return undefined;
  const blocks = item.row.members.flatMap((member) => drawn.byKey.get(keyOf(member)) ?? []);
  return { x: Math.min(...blocks.map(({ left }) => left)) - 14, top: Math.min(...blocks.map(({ top }) => top)), bottom: Math.max(...blocks.map(({ top, height }) => top + height)) };
}

function chevron(context: Pen, x: number, y: number, open: boolean, colour = theme().foreground): void {
  context.strokeStyle = colour;
  context.lineWidth = 1.3;
  context.beginPath();
  context.moveTo(open ? x - 4 : x - 2, open ? y - 2 : y - 4);
  context.lineTo(open ? x : x + 2, open ? y + 2 : y);
  context.lineTo(open ? x + 4 : x - 2, open ? y - 2 : y + 4);
  context.stroke();
}

const right = (context: Pen, text: string, x: number, y: number): void => context.fillText(text, x - context.measureText(text).width, y);

/** An operator's caption, with shorter names where it would not fit. */
function fitting(context: Pen, caption: string, room: number): string {
  return context.measureText(caption).width <= room ? caption : shortened(caption.split(" · ")).join(" · ");
}
