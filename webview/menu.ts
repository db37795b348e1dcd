/** Says which layer VS Code's own context menu on an element is about; none where there is no layer. */
export function offerMenu(element: HTMLElement, layer: string | undefined): void {
  if (layer === undefined) delete element.dataset.vscodeContext;
  else element.dataset.vscodeContext = JSON.stringify({ webviewSection: "layer", layer });
}

/** The same in a graph, where other nodes have a menu too. */
export function offerNodeMenu(element: HTMLElement, node: { layer?: string } | undefined): void {
  element.dataset.vscodeContext = JSON.stringify(node?.layer !== undefined ? { webviewSection: "layer", layer: node.layer } : { webviewSection: node ? "node" : "graph" });
}
