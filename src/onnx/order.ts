import type { ByteSource } from "./bytes";
import { allGraphs, type Graph, type Model, type Node } from "./model";
import { Patch } from "./patch";
import { PieceSource } from "./pieces";

/** ONNX asks that nodes stand in an order in which they can run, but converters to half precision put their casts last, and onnxruntime runs such files. */

/** A file with nodes where the model has them now, so that what is written of it is in order, too; undefined where they stand there already. Nothing of the file is held. */
export function orderedSource(model: Model): ByteSource | undefined {
  const patch = new Patch(model.source), moved = new Set<Graph>();
  for (const graph of allGraphs(model)) {
    const places = graph.nodes.map(({ span }) => span).sort((a, b) => a.tag - b.tag);
    if (graph.nodes.every(({ span }, i) => span === places[i]) || isInside(graph, moved)) continue;
    moved.add(graph);
    graph.nodes.forEach(({ span }, i) => { patch.replaceField(places[i], [{ source: model.source, start: span.tag, end: span.end }]); });
  }
  return moved.size ? new PieceSource(patch.pieces()) : undefined;
}

/** Whether a graph around this one is among some: its nodes move as they are. */
function isInside({ parent }: Graph, some: ReadonlySet<Graph>): boolean {
  for (let around = parent; around; around = around.parent) if (some.has(around)) return true;
  return false;
}

/**
 * Puts a graph's nodes into an order in which they can run, as all that goes through a graph expects, and says whether it had to.
 * Nodes stay where they are as far as they can; those of a circle, which nothing runs, stay beside each other.
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
