import type { Graph, Node } from "./model";

/**
 * Puts a graph's nodes into an order in which they can run, as all that goes through a graph expects, and says whether it had to. ONNX asks for it, but converters to half precision
 * put their casts last, and onnxruntime runs such files. Nodes stay where they are as far as they can; those of a circle, which nothing runs, stay beside each other.
 */
export function putInOrder(graph: Graph): boolean {
  const { nodes } = graph;
  if (nodes.every((node) => makersOf(node).every((maker) => maker.index < node.index))) return false;
  const ordered: Node[] = [], begun = new Set<Node>();
  for (const node of [...nodes]) {
    const path: { node: Node; makers: Node[] }[] = begun.has(node) ? [] : [{ node, makers: makersOf(node) }];
    begun.add(node);
    while (path.length) {
      const { node: last, makers } = path[path.length - 1], maker = makers.pop();
      if (!maker) {
        ordered.push(last);
        path.pop();
      } else if (!begun.has(maker)) {
        begun.add(maker);
        path.push({ node: maker, makers: makersOf(maker) });
      }
    }
  }
  ordered.forEach((node, i) => {
    nodes[i] = node;
    node.index = i;
  });
  return true;
}

/** Nodes of its own graph whose values a node needs, itself or in its bodies; the first one last. */
function makersOf({ graph, inputs, captures }: Node): Node[] {
  return [...inputs, ...captures].flatMap((name) => graph.producers.get(name) ?? []).sort((a, b) => b.index - a.index);
}
