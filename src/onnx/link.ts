import { allGraphs, type Graph, type Model, type Node } from "./model";

/** Finds who produces and who uses every value, across the borders of bodies. */
export function link(model: Model): void {
  const defined = new Map<Graph, Set<string>>();
  for (const graph of allGraphs(model)) {
    for (const node of graph.nodes) for (const output of node.outputs) if (output) graph.producers.set(output, node);
    const names = new Set([...graph.producers.keys(), ...graph.initializers.keys(), ...graph.sparseInitializers.keys()]);
    for (const { name } of graph.inputs) {
      names.add(name);
      if (model.irVersion >= 4 && graph.initializers.has(name)) graph.overridable.add(name);
    }
    defined.set(graph, names);
    for (const node of graph.nodes) for (const input of new Set(node.inputs)) if (input) use(graph, input, node, defined);
    if (graph.owner) for (const { name } of graph.outputs) if (!names.has(name)) use(graph, name, graph.owner, defined);
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
