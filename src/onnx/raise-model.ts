import { KernelscopeError } from "../protocol/errors";
import type { ModelEdit } from "./edit";
import { isStandardDomain } from "./model";
import { OLDEST_OPSET, raiseNode } from "./raise";
import { inferFacts } from "./shapes";

/** Operators that mean the same from opset 7 on, or whose nodes of old are read by {@link raiseNode} as they are. */
const isPlain = (op: string): boolean => op === "Constant" || op === "Identity";

/**
 * Writes the whole main graph for a newer operator set, see {@link raiseNode}; its constants are no inputs of the model any more.
 * @throws KernelscopeError "unsupported" for models before opset 7, with functions or with graphs inside nodes
 */
export function raiseModel(edit: ModelEdit, to: number): void {
  const { model, model: { graph, opset } } = edit, facts = inferFacts(model).get(graph);
  if (opset < OLDEST_OPSET) throw unsupported(to, `it is of operator set ${opset}, and only those from ${OLDEST_OPSET} on are understood`);
  if (model.functions.length) throw unsupported(to, "it has functions of its own");
  for (const node of graph.nodes) {
    if (!isStandardDomain(node.domain) || isPlain(node.op)) continue;
    const raised = raiseNode(node, opset, () => edit.freshName(), (name) => facts?.get(name)?.shape, to);
    if (!raised) throw unsupported(to, `the node ${node.name || node.op} holds a graph`);
    edit.replaceNode(node, raised.nodes.map((spec, i, { length }) => (i === length - 1 && node.name ? { ...spec, name: node.name } : spec)));
    for (const constant of raised.constants) edit.addInitializer(graph, constant);
  }
  for (const { name } of graph.inputs) if (graph.initializers.has(name)) edit.removeGraphInput(graph, name);
  edit.setOpset(to);
}

const unsupported = (to: number, reason: string): KernelscopeError =>
  new KernelscopeError("unsupported", `This model cannot be raised to operator set ${to}, which integer inference needs: ${reason}. Export it for operator set ${to} or newer.`);
