import type { GraphNodeFacts } from "../../src/protocol/api";
import { isGroup, type Member } from "./groups";

/** What a group of nodes is, told by its operators. */

export type Kind = "residual" | "branches" | "gate" | "gated" | "separable" | "bottleneck" | "attention" | "forward" | "transformer" | "block" | "layer" | "part" | "row";

/** Operators in which ways meet. */
const JOINS = ["Add", "Sum", "Mul", "Concat", "MatMul", "Einsum"], PRODUCTS = ["MatMul", "Einsum"], DENSE = [...PRODUCTS, "Gemm"];
/** Operators that are an attention by themselves. */
const ATTENTIONS = /^(Q?Attention|MultiHeadAttention|GroupQueryAttention)$/;

const isLayer = ({ layer }: GraphNodeFacts): boolean => layer !== undefined;
export const isJoin = ({ op, layer }: GraphNodeFacts): boolean => layer === undefined && JOINS.includes(op);
/** Products of two values, and what makes shares of them. */
const attends = (nodes: readonly GraphNodeFacts[]): boolean => nodes.some(({ op }) => ATTENTIONS.test(op)) || (nodes.some((node) => !isLayer(node) && PRODUCTS.includes(node.op)) && nodes.some(({ op, fused }) => op === "Softmax" || fused.includes("Softmax")));

/** @param nodes all inside @param entersLast whether what comes into the group comes into its last node too */
export function kindOf(nodes: readonly GraphNodeFacts[], members: readonly Member[], entersLast: boolean): Kind {
  const last = nodes[nodes.length - 1], { op } = last, layers = nodes.filter(isLayer);
  const [first, second] = members, kinds = members.map((member) => (isGroup(member) ? member.kind : undefined));
  if (members.length === 2 && isGroup(first) && isGroup(second) && isTransformer(first.kind, second.kind)) return "transformer";
  if (members.length < 2 || isGroup(members[members.length - 1])) return "block";
  if (!kinds.includes("transformer") && attends(nodes)) return "attention";
  if (op === "Add" || op === "Sum") return layers.length > 1 && entersLast && layers.every((node) => DENSE.includes(node.op)) ? "forward" : "residual";
  return op === "Concat" ? "branches" : op === "Mul" ? (entersLast && layers.length ? "gate" : "gated") : "block";
}

export const isTransformer = (first: Kind, second: Kind): boolean => first === "attention" && second === "forward";

/** A convolution that takes every channel by itself. */
export const isDepthwise = ({ op, layer, attributes = [], shape }: GraphNodeFacts): boolean => { const groups = Number(attributes.find(([name]) => name === "group")?.[1] ?? 1); return layer !== undefined && op === "Conv" && groups > 1 && shape?.[1] === groups; };
/** A convolution that only mixes channels. */
export const isPointwise = ({ op, layer, caption }: GraphNodeFacts): boolean => layer !== undefined && op === "Conv" && / 1(×1)+( |$)/.test(caption);
