import type { Node } from "../model";
import type { ModelMatch } from "./match";
import type { Follower, Part } from "./parts";

/** What may be the end of a quantized grid, or part of a runtime's own operator. */
const CLAMPS = new Set(["Relu", "Clip", "LeakyRelu", "HardSigmoid", "Sigmoid", "Tanh"]);

/** Matches what follows two matched parts: by the operators that lead to it and what reads it, as many on both sides, or by these operators alone, where that is one of each. @param partnerOf the part of `before` for one of `after`, or -1 */
export function followersOf(before: Part, after: Part, partnerOf: (b: number) => number, match: ModelMatch): void {
  const [here, there] = [keysOf(before, (reader) => reader), keysOf(after, partnerOf)];
  const left = new Set(before.followers), free = new Set(after.followers);
  for (const level of [0, 1]) {
    const places = new Map<string, { a: Follower[]; b: Follower[] }>(), at = (key: string) => { let place = places.get(key); if (!place) places.set(key, place = { a: [], b: [] }); return place; };
    for (const one of left) at(here.get(one)![level]).a.push(one);
    for (const one of free) at(there.get(one)![level]).b.push(one);
    for (const { a, b } of places.values()) if (a.length === b.length && (level === 0 || a.length === 1)) a.forEach((one, i) => {
      match.nodes.set(one.node, b[i].node);
      left.delete(one);
      free.delete(b[i]);
    });
  }
  for (const { node, foldable } of left) if (after.node && (foldable || isClamp(node, after))) match.folded.before.set(node, after.node);
  for (const { node, foldable } of free) if (before.node && (foldable || isClamp(node, before))) match.folded.after.set(node, before.node);
}

/** Whether an activation can be done by a part of the other graph: a runtime's own operator, or one with integers. */
const isClamp = (node: Node, { node: other, followers }: Part): boolean => CLAMPS.has(node.op) && (other?.op.startsWith("Fused") || other?.op.startsWith("QLinear") || followers.some(({ node: { op } }) => op === "QuantizeLinear")) === true;

function keysOf({ followers }: Part, nameOf: (reader: number) => number): Map<Follower, [string, string]> {
  const keys = new Map<Follower, [string, string]>();
  for (const one of followers) {
    const readers = one.readers.map(nameOf).filter((reader) => reader >= 0).sort((a, b) => a - b).join(), path = `${one.path} ${one.foldable ? one.node.op : ""}`;
    keys.set(one, [`${path} → ${readers}`, path]);
  }
  return keys;
}
