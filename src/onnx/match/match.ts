import { homeOf } from "../constants";
import type { Layer } from "../layers";
import type { Graph, Model, Node } from "../model";
import { followersOf } from "./followers";
import { Likeness } from "./likeness";
import { fixedValues, type Part, partsOf } from "./parts";
import { Structure } from "./structure";

/** Which nodes and layers of two models stand for each other. */
export interface ModelMatch {
  nodes: Map<Node, Node>;
  layers: Map<Layer, Layer>;
  /** Nodes without a partner whose work the other model's node does as well: normalizations in a convolution's weights, rectifiers at the end of a grid. */
  folded: { before: Map<Node, Node>; after: Map<Node, Node> };
  /** Nodes that work on data and have nothing to do with the other model. */
  alone: { before: Node[]; after: Node[] };
}

/** A model and its layers. */
export interface MatchedModel { model: Model; layers: readonly Layer[] }

/** Alike from here on, where weights that have nothing to do with each other come to a quarter at most; and so much more than any other. */
const ALIKE = 0.5, CLEARLY = 0.15;
/** Of a group of layers that are alike in shape so many pairs are compared; and weights of no more parameters are read to be sure of what structure says. */
const MOST_PAIRS = 4096, MOST_PARAMETERS = 16e6;
/** Graphs that have less in common than this have nothing in common, unless names or weights say so. */
const LEAST_SHARE = 0.25;
/** What has other numbers of channels is believed to be the same node where more than this of both graphs is. */
const LOOSE_SHARE = 0.5;

/**
 * Matches two models node by node: by structure, then by the weights of what is alike in structure, then by names that nobody made up. Layers of other numbers of channels are
 * matched where the rest of the network is the same. What is not clear stays unmatched. Time grows with the number of nodes.
 */
export async function matchModels(before: MatchedModel, after: MatchedModel): Promise<ModelMatch> {
  const match: ModelMatch = { nodes: new Map(), layers: new Map(), folded: { before: new Map(), after: new Map() }, alone: { before: [], after: [] } }, likeness = new Likeness(before.model, after.model);
  const isOurs = after.model.metadata.has("kernelscope.recipe");
  const graphs: [Graph, Graph, ReadonlySet<string>, ReadonlySet<string>][] = [[before.model.graph, after.model.graph, new Set(), new Set()]];
  for (const f of before.model.functions) {
    const other = after.model.functions.find(({ name, domain, overload }) => name === f.name && domain === f.domain && overload === f.overload);
    if (other) graphs.push([f.graph, other.graph, new Set(), new Set()]);
  }
  const known: [Graph, ReadonlySet<string>][] = [];
  for (const [a, b, aroundA, aroundB] of graphs) {
    const fixed = [fixedValues(a, aroundA), fixedValues(b, aroundB)], structure = new Structure(partsOf(a, before.layers, fixed[0]), partsOf(b, after.layers, fixed[1]));
    known.push([a, fixed[0]]);
    await settle(structure, likeness, isOurs);
    tell(structure, match);
    for (const [node, other] of match.nodes) if (node.graph === a) for (const [name, { graphs: bodies }] of node.attributes) bodies.forEach((body, i) => {
      const partner = other.attributes.get(name)?.graphs[i];
      if (partner) graphs.push([body, partner, fixed[0], fixed[1]]);
    });
  }
  matchMakers(match, new Map(known));
  matchLayers(before.layers, after.layers, match);
  return match;
}

/** Matches what computes sizes and constants for nodes that stand for each other. */
function matchMakers({ nodes }: ModelMatch, fixed: ReadonlyMap<Graph, ReadonlySet<string>>): void {
  const taken = new Set(nodes.values()), pending = [...nodes];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [node, other] = next;
    for (const [i, name] of node.inputs.entries()) {
      const maker = homeOf(node.graph, name)?.producers.get(name), partner = other.inputs[i] ? homeOf(other.graph, other.inputs[i])?.producers.get(other.inputs[i]) : undefined;
      if (!maker || !partner || nodes.has(maker) || taken.has(partner) || maker.op !== partner.op || !fixed.get(maker.graph)?.has(name)) continue;
      nodes.set(maker, partner);
      taken.add(partner);
      pending.push([maker, partner]);
    }
  }
}

async function settle(structure: Structure, likeness: Likeness, isOurs: boolean): Promise<void> {
  structure.byAllAround("exact");
  structure.sweep("exact");
  structure.byNeighbours();
  structure.sweep("exact");
  const hasEvidence = [await byWeights(structure, likeness), byNames(structure, isOurs)].some(Boolean);
  if (structure.contested.size || hasEvidence) for (let known = -1; known < structure.count;) {
    known = structure.count;
    structure.sweep("exact");
  }
  if (!hasEvidence && structure.shares[0] < LEAST_SHARE) structure.forget();
  const strict = [structure.toAfter.slice(), structure.toBefore.slice()];
  structure.byAllAround("loose");
  structure.sweep("loose");
  structure.between();
  if (!hasEvidence && structure.shares[1] <= LOOSE_SHARE) {
    structure.toAfter.set(strict[0]);
    structure.toBefore.set(strict[1]);
  }
}

/**
 * Decides between layers of one shape by their weights: those that structure leaves open, and those that it has put beside weights that have nothing to do with theirs, while others have.
 * @returns whether any was decided
 */
async function byWeights(structure: Structure, likeness: Likeness): Promise<boolean> {
  const { before, after } = structure, doubtful = await doubtfulPairs(structure, likeness), groups = new Map<string, { own: number[]; others: Set<number> }>();
  const groupOf = (exact: string) => { let group = groups.get(exact); if (!group) groups.set(exact, group = { own: [], others: new Set() }); return group; };
  for (const [a, candidates] of structure.contested) if (before[a].layer) {
    const { own, others } = groupOf(before[a].exact);
    own.push(a);
    for (const b of candidates) others.add(b);
  }
  for (const [a, b] of doubtful) {
    const { own, others } = groupOf(before[a].exact);
    own.push(a);
    others.add(b);
  }
  const found: { a: number; b: number; like: number }[] = [];
  for (const { own, others } of groups.values()) for (const a of own) {
    // of very many that are alike only those that structure allows are looked at
    const candidates = own.length * others.size > MOST_PAIRS ? [...structure.contested.get(a) ?? []] : [...others], likes: typeof found = [];
    for (const b of candidates) {
      const [one, other] = [before[a].layer, after[b].layer], like = one && other ? await likeness.between(one, other) : NaN;
      if (!Number.isNaN(like)) likes.push({ a, b, like });
    }
    const [best, next] = likes.sort((x, y) => y.like - x.like);
    if (best && best.like >= ALIKE && best.like - (next?.like ?? 0) >= CLEARLY) found.push(best);
  }
  const times = new Map<number, number>();
  for (const { b } of found) times.set(b, (times.get(b) ?? 0) + 1);
  const decided = found.filter(({ b }) => times.get(b) === 1);
  // what structure said of the nodes around a pair that was wrong was wrong, too
  if (decided.some(({ a }) => doubtful.has(a))) structure.forgetWhere(({ layer }, a) => !layer || doubtful.has(a));
  for (const { a, b } of decided) if (structure.isFree(a, b)) structure.pair(a, b);
  return decided.length > 0;
}

/** Pairs whose weights are not alike, of layers that have others of their shape beside them. */
async function doubtfulPairs({ before, after, toAfter }: Structure, likeness: Likeness): Promise<Map<number, number>> {
  const counts = new Map<string, number>(), found = new Map<number, number>();
  for (const { layer, exact } of before) if (layer) counts.set(exact, (counts.get(exact) ?? 0) + 1);
  const wanted = Array.from(before.keys()).filter((a) => toAfter[a] >= 0 && (counts.get(before[a].exact) ?? 0) > 1);
  if (wanted.reduce((sum, a) => sum + (before[a].layer?.parameters ?? 0), 0) > MOST_PARAMETERS) return found;
  for (const a of wanted) {
    const [layer, other] = [before[a].layer, after[toAfter[a]].layer];
    if (layer && other && await likeness.between(layer, other) < ALIKE) found.set(a, toAfter[a]);
  }
  return found;
}

/** Pairs layers of one name, where it is none that programs number; what we have written keeps its names. */
function byNames(structure: Structure, isOurs: boolean): boolean {
  const named = new Map<string, number>();
  for (const [b, { layer }] of structure.after.entries()) if (layer) named.set(layer.id, named.has(layer.id) ? -1 : b);
  const own = new Map<string, number>();
  for (const { layer } of structure.before) if (layer) own.set(layer.id, (own.get(layer.id) ?? 0) + 1);
  let some = false;
  for (const [a, { layer, loose }] of structure.before.entries()) {
    const b = layer && (isOurs || isTelling(layer.id)) && own.get(layer.id) === 1 ? named.get(layer.id) ?? -1 : -1;
    if (b < 0 || !structure.isFree(a, b) || structure.after[b].loose !== loose) continue;
    structure.pair(a, b);
    some = true;
  }
  return some;
}

/** Whether a name is a module's: made of words, and of more than one. */
const isTelling = (name: string): boolean => !/^(onnx::|\/)/.test(name) && /[a-z]{2,}.*[./_].*[a-z]{2,}/i.test(name);

function tell(structure: Structure, match: ModelMatch): void {
  const partnerOf = (b: number): number => structure.toBefore[b];
  for (const [a, part] of structure.before.entries()) {
    const b = structure.toAfter[a], other: Part | undefined = structure.after[b];
    if (!other) continue;
    if (part.node && other.node && !match.nodes.has(part.node)) match.nodes.set(part.node, other.node);
    followersOf(part, other, partnerOf, match);
  }
  const partners = new Set(match.nodes.values()), nodesOf = (parts: readonly Part[]): Node[] => [...new Set(parts.flatMap(({ node, followers }) => [...node ? [node] : [], ...followers.map((one) => one.node)]))].sort((x, y) => x.index - y.index);
  match.alone.before.push(...nodesOf(structure.before).filter((node) => !match.nodes.has(node) && !match.folded.before.has(node)));
  match.alone.after.push(...nodesOf(structure.after).filter((node) => !partners.has(node) && !match.folded.after.has(node)));
}

/** Layers whose nodes stand for each other; one weight of several nodes is the same where most of them are. */
function matchLayers(before: readonly Layer[], after: readonly Layer[], match: ModelMatch): void {
  const layerOf = new Map(after.flatMap((layer) => layer.consumers.map((node) => [node, layer] as const))), taken = new Set<Layer>();
  for (const layer of before) {
    const votes = new Map<Layer, number>();
    for (const node of layer.consumers) {
      const partner = match.nodes.get(node), other = partner && layerOf.get(partner);
      if (other) votes.set(other, (votes.get(other) ?? 0) + 1);
    }
    const [best, next] = [...votes].sort((x, y) => y[1] - x[1]);
    if (!best || taken.has(best[0]) || (next && next[1] === best[1])) continue;
    taken.add(best[0]);
    match.layers.set(layer, best[0]);
  }
}
