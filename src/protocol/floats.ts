import type { IntegerReport } from "./report";

/** Nodes that are named where many stay float for one reason. */
const NAMED = 3;

/** What stays float in a network of integers, a line for each operator and reason in words for users, the most frequent first: "14 HardSwish (a, b, c and 11 more): onnxruntime has no …" */
export function floatLines(floats: IntegerReport["floats"]): string[] {
  const groups = new Map<string, IntegerReport["floats"]>();
  for (const one of floats) groups.set(`${one.op} ${one.reason}`, [...groups.get(`${one.op} ${one.reason}`) ?? [], one]);
  return [...groups.values()].sort((a, b) => b.length - a.length).map((group) => {
    const [{ op, node, reason }] = group, names = group.slice(0, NAMED).map((one) => one.node).join(", "), others = group.length - NAMED;
    return group.length === 1 ? `${op} ${node}: ${reason}` : `${group.length} ${op} (${names}${others > 0 ? ` and ${others} more` : ""}): ${reason}`;
  });
}
