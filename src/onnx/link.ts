import { allGraphs, type Graph, type Model, type Node } from "./model";
import { putInOrder } from "./order";

/** Finds who produces and who uses every value, across the borders of bodies, and puts nodes into an order in which they can run. */
export function link(model: Model): void {
  const defined = namesOf(model);
  linkUsers(model, defined);
  if (allGraphs(model).filter(putInOrder).length) linkUsers(model, defined);
}

/** The names that each graph gives a meaning. */
function namesOf(model: Model): Map<Graph, Set<string>> {
  const defined = new Map<Graph, Set<string>>();
  for (const graph of allGraphs(model)) {
    for (const node of graph.nodes) for (const output of node.outputs) if (output) graph.producers.set(output, node);
    const names = new Set([...graph.producers.keys(), ...graph.initializers.keys(), ...graph.sparseInitializers.keys()]);
    for (const { name } of graph.inputs) {
      names.add(name);
      if (model.irVersion >= 4 && graph.initializers.has(name)) graph.overridable.add(name);
    }
    defined.set(graph, names);
  }
  return defined;
}

function linkUsers(model: Model, defined: Map<Graph, Set<string>>): void {
  for (const graph of allGraphs(model)) graph.consumers.clear();
  for (const graph of allGraphs(model)) {
    for (const node of graph.nodes) for (const input of new Set(node.inputs)) if (input) use(graph, input, node, defined);
    if (graph.owner) for (const { name } of graph.outputs) if (!defined.get(graph)!.has(name)) use(graph, name, graph.owner, defined);
  }
}

/** Notes that `user` uses what `name` means in `graph`: the innermost graph around it that defines the name. */
function use(graph: Graph, name: string, user: Node, defined: Map<Graph, Set<string>>): void {
  let home: Graph | undefined = graph;
  while (home && !defined.get(home)?.has(name)) home = home.parent;
  for (let inner = graph; home && inner !== home && inner.owner; inner = inner.owner.graph) inner.owner.captures.add(name);
  const { consumers } = home ?? graph, users = consumers.get(name);
  if (!users) consumers.set(name, [user]);
  else if (users.at(-1) !== user) users.push(user);
}
