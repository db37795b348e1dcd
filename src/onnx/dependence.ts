import type { Graph, Node } from "./model";

/** Values of a graph that change with what it is given. @param passes whether what a node makes of such values counts */
export function dataValues(graph: Graph, passes: (node: Node) => boolean = () => true): Set<string> {
  const data = new Set(graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name) || graph.overridable.has(name)));
  for (const node of graph.nodes) if (passes(node) && [...node.inputs, ...node.captures].some((name) => data.has(name))) for (const name of node.outputs) if (name) data.add(name);
  return data;
}
