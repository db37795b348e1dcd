import type { Layer } from "../onnx/layers";
import type { Model } from "../onnx/model";
import { bookBytes, codebookParts, isCodebook, type CodebookOptions } from "../methods/codebook";
import { rowDots } from "../methods/gram";
import type { CompressionMethod, Member, PackedWeight } from "../methods/method";
import { methodById } from "../methods/registry";
import { inputsOf } from "../methods/rows";
import { membersOf, type Stream } from "./books";
import { effectiveRows, type FitTools } from "./fit";
import { interpolate, type LayerSensitivity, type RatedCandidate } from "./sensitivity";

/** Of larger layers and wider rows the codebook is so small a part that looking at it would not pay. */
const MOST_WEIGHTS = 2 ** 18, MOST_INPUTS = 2304;
/** Share of the network's weights that layers which could share have to hold: with less there is nothing to be gained that is worth the fits. */
const LEAST_WEIGHTS = 0.1;
/** A codebook is worth sharing where it is at least so much of a layer's codes. */
const LEAST_PART = 0.03;
/** Bits of an index at which codebooks are made, shared and not, to see what sharing does; between them it is interpolated. */
const TRIED_BITS = [4, 6, 8];
/** Stands in a rating for the book that a plan will name. */
const SOME_BOOK = "?";

/** Layers that could have a codebook in common: those of one shape, two at least. None where all of them together are a small part of the network. */
export function classesOf(ratings: readonly LayerSensitivity[]): LayerSensitivity[][] {
  const classes = new Map<string, LayerSensitivity[]>();
  for (const rating of ratings) {
    const { layer, layer: { parameters }, candidates } = rating, key = shapeOf(layer);
    if (parameters <= MOST_WEIGHTS && inputsOf(layer) <= MOST_INPUTS && candidates.length) classes.set(key, [...classes.get(key) ?? [], rating]);
  }
  const shapes = [...classes.values()].filter(({ length }) => length > 1), weightsOf = (some: readonly LayerSensitivity[]): number => some.reduce((sum, { layer }) => sum + layer.parameters, 0);
  return weightsOf(shapes.flat()) < LEAST_WEIGHTS * weightsOf(ratings) ? [] : shapes;
}

const shapeOf = ({ op, dims, groups, type, outputAxis }: Layer): string => [op, dims.join("×"), groups, type, outputAxis].join();
/** Whether two layers are of one shape, so that they were rated together. */
export const isOneShape = (a: Layer, b: Layer): boolean => shapeOf(a) === shapeOf(b);

/** Choices of one method whose codewords are as long. */
interface Family { method: CompressionMethod; options: CodebookOptions }

/**
 * What layers of one shape lose where they have a codebook in common: for each layer candidates that name a book. Both are made with all care, codebooks of each layer's own
 * and common ones, and the noise of one beside the other is what the rating of the layer's own is multiplied with.
 */
export async function rateShared(model: Model, shape: readonly LayerSensitivity[], tools: FitTools, stream?: Stream): Promise<Map<Layer, RatedCandidate[]>> {
  const members = await membersOf(model, shape.map(({ layer }) => layer), tools, stream), found = new Map<Layer, RatedCandidate[]>(shape.map(({ layer }) => [layer, []]));
  for (const family of familiesOf(shape[0])) {
    const offered = shape[0].candidates.filter((candidate) => isOf(family, candidate)).flatMap(({ options }) => (isCodebook(options) && isWorthSharing(shape[0].layer, options) ? [Math.log2(options.words)] : []));
    if (!offered.length) continue;
    const [least, most] = [Math.min(...offered), Math.max(...offered)], tried = [...new Set(TRIED_BITS.map((bits) => Math.min(most, Math.max(least, bits))))];
    const factors = [];
    for (const bits of tried) factors.push(await factorsOf(family, 2 ** bits, shape, members));
    for (const [l, { layer, candidates, response }] of shape.entries()) for (const candidate of candidates) {
      const { options } = candidate;
      if (!isOf(family, candidate) || !isCodebook(options) || !isWorthSharing(layer, options)) continue;
      const factor = at(tried, factors.map((of) => of[l]), Math.log2(options.words)), noise = Math.min(0.99, candidate.noise * factor);
      const shared = { ...options, book: SOME_BOOK }, bytes = family.method.bytes(layer, shared, members.get(layer)!.context.scaleIsFree);
      found.get(layer)!.push({ ...candidate, options: shared, bytes, bits: 8 * bytes / layer.parameters, noise, loss: response.length ? interpolate(response, noise) : candidate.loss * noise / candidate.noise });
    }
  }
  return found;
}

const isWorthSharing = (layer: Layer, options: CodebookOptions): boolean => bookBytes(options) >= LEAST_PART * (codebookParts(layer, options).indices + bookBytes(options));

const isOf = ({ method, options: { block } }: Family, candidate: RatedCandidate): boolean => candidate.method === method.id && isCodebook(candidate.options) && candidate.options.block === block;

function familiesOf({ candidates }: LayerSensitivity): Family[] {
  const families: Family[] = [];
  for (const candidate of candidates) {
    const { method, options } = candidate;
    if (isCodebook(options) && methodById(method).learn && !families.some((family) => isOf(family, candidate))) families.push({ method: methodById(method), options });
  }
  return families;
}

/** How many times as much noise each layer has with a common codebook as with its own. */
async function factorsOf({ method, options: some }: Family, words: number, shape: readonly LayerSensitivity[], members: ReadonlyMap<Layer, Member>): Promise<number[]> {
  const options = { ...some, words }, alone: number[] = [];
  for (const { layer } of shape) alone.push(await noiseOf(members.get(layer)!, await method.compress(layer, members.get(layer)!.rows, options, members.get(layer)!.context)));
  const stressed = shape.map(({ layer, response }, l): Member => ({ ...members.get(layer)!, stress: members.get(layer)!.stress * (response.length ? interpolate(response, alone[l]) / alone[l] : 1) }));
  const book = await method.learn!(stressed, options), factors: number[] = [];
  for (const [l, { layer }] of shape.entries()) {
    const { rows, context } = members.get(layer)!;
    factors.push(await noiseOf(members.get(layer)!, await method.compress(layer, rows, options, { ...context, book })) / alone[l]);
  }
  return factors;
}

/** What a packed weight puts on a layer's outputs, as a share of them. */
async function noiseOf({ rows: { values, inputs }, context: { gram, importance }, stress }: Member, packed: PackedWeight): Promise<number> {
  const difference = effectiveRows(packed);
  for (let i = 0; i < difference.length; i++) difference[i] -= values[i];
  const energies = gram ? await gram.energies(difference) : rowDots(difference, difference, inputs);
  return Math.max(1e-9, energies.reduce((sum, energy, m) => sum + energy * (importance ? importance[m] : 1), 0) * stress);
}

/** A value between those at ascending places; beyond them that of the nearest. */
function at(places: readonly number[], values: readonly number[], place: number): number {
  const above = places.findIndex((one) => one >= place);
  if (above <= 0) return values[above < 0 ? values.length - 1 : 0];
  const share = (place - places[above - 1]) / (places[above] - places[above - 1]);
  return values[above - 1] + share * (values[above] - values[above - 1]);
}
