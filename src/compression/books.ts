import type { FitContext, Member, WeightRows } from "../methods/method";
import { methodById } from "../methods/registry";
import { isCodebook } from "../methods/codebook";
import { rowDots } from "../methods/gram";
import type { GridCodes } from "../numeric/grid";
import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import type { FitTools, LayerChoice } from "./fit";
import { Flow, isReached, type Batches, type Liveness } from "./flow";
import { followOf, importanceOf } from "./follow";
import { hasGram, inputMoments } from "./moments";
import { readRows } from "./rows";

/** Codewords that several layers have in common, by the name of their book. */
export type Books = ReadonlyMap<string, GridCodes>;

interface Choice { layer: Layer; method: string; options: object }

/** The book that a choice names. */
export const bookOf = (options: object): string | undefined => (isCodebook(options) ? options.book : undefined);

/** The choices that have a codebook in common with others, by the name of their book. */
export function sharersOf<C extends Pick<Choice, "options">>(choices: readonly C[]): Map<string, C[]> {
  const sharers = new Map<string, C[]>();
  for (const choice of choices) {
    const book = bookOf(choice.options);
    if (book !== undefined) sharers.set(book, [...sharers.get(book) ?? [], choice]);
  }
  return sharers;
}

/** Where calibration data flows. */
export interface Stream { liveness: Liveness; samples: Batches }

/**
 * Learns the codewords of all books of a plan before the first of its layers is fitted.
 * @param stream what the layers meet in the original @param met what they met in a compressed network
 */
export async function learnBooks(model: Model, choices: readonly LayerChoice[], tools: FitTools, stream?: Stream, met?: ReadonlyMap<Layer, FitContext>): Promise<Books> {
  const sharers = sharersOf(choices), wanted = [...sharers.values()].flat();
  if (!wanted.length) return new Map();
  const known = await tools.restoredBooks?.(sharers);
  if (known) return known;
  const layers = wanted.map(({ layer }) => layer), members = met ? await membersAgain(model, layers, met) : await membersOf(model, layers, tools, stream), books = new Map<string, GridCodes>();
  for (const [book, some] of sharers) {
    const [{ method, options }] = some, slopes = some.every(({ slope }) => slope !== undefined && slope > 0);
    books.set(book, await methodById(method).learn!(some.map(({ layer, slope }) => stressed(members.get(layer)!, slopes ? slope : 1)), options));
  }
  await tools.onBooks?.(books);
  return books;
}

const stressed = (member: Member, slope = 1): Member => ({ ...member, stress: slope * member.stress });

/** Layers' rows and what they meet in the original; an error of each counts as a share of its outputs. */
export async function membersOf(model: Model, layers: readonly Layer[], { runtime, pool, products, seed, threads, signal }: FitTools, stream?: Stream): Promise<Map<Layer, Member>> {
  const flow = stream && new Flow(stream.liveness, runtime, stream.samples, threads, signal), members = new Map<Layer, Member>();
  for (const layer of [...layers].sort((a, b) => a.consumers[0].index - b.consumers[0].index)) {
    const rows = await readRows(model, layer), follow = await followOf(model, layer), [node] = layer.consumers, importance = importanceOf(follow), scaleIsFree = follow?.normalization !== undefined;
    let gram: Member["context"]["gram"];
    if (flow && stream && isReached(layer, stream.liveness) && hasGram(layer)) {
      await flow.advance(node);
      gram = (await inputMoments(layer, { batches: flow.get(node.inputs[0]), centred: scaleIsFree || follow?.bias !== undefined }, products, pool)).gram;
    }
    members.set(layer, await memberOf(rows, { seed, pool, scaleIsFree, importance, gram }));
  }
  return members;
}

async function membersAgain(model: Model, layers: readonly Layer[], met: ReadonlyMap<Layer, FitContext>): Promise<Map<Layer, Member>> {
  const members = new Map<Layer, Member>();
  for (const layer of layers) members.set(layer, await memberOf(await readRows(model, layer), { ...met.get(layer)!, book: undefined }));
  return members;
}

async function memberOf(rows: WeightRows, context: FitContext): Promise<Member> {
  const { gram, importance } = context, energies = gram ? await gram.energies(rows.values) : rowDots(rows.values, rows.values, rows.inputs);
  const signal = energies.reduce((sum, energy, m) => sum + energy * (importance ? importance[m] : 1), 0);
  return { rows, context, stress: signal > 0 ? 1 / signal : 1 };
}
