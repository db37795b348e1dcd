import type { LayerRow } from "../protocol/api";

/** A layer, or layers whose dotted names begin alike. */
export interface Branch {
  /** Part of the name below its parent. */
  name: string;
  bytes: number;
  layer?: LayerRow;
  children: Branch[];
  parent?: Branch;
}

/** Layers in the order of the network, grouped by their dotted names; a group of one is no group. */
export function branchesOf(rows: readonly LayerRow[]): Branch[] {
  const root: Branch = { name: "", bytes: 0, children: [] };
  for (const layer of rows) {
    const parts = layer.label.split("."), last = parts.pop() ?? layer.label;
    let at = root;
    for (const part of parts) {
      const open = at.children[at.children.length - 1];
      const group = open && open.name === part && !open.layer ? open : add(at, { name: part, bytes: 0, children: [] });
      group.bytes += layer.bytes;
      at = group;
    }
    add(at, { name: last, bytes: layer.bytes, layer, children: [] });
  }
  return root.children.map((branch) => shortened(branch));
}

function add(parent: Branch, child: Branch): Branch {
  parent.children.push(child);
  return child;
}

/** A group of one takes its only child's place, with both names; a number says nothing without the name above it. */
function shortened(branch: Branch, parent?: Branch): Branch {
  const [only] = branch.children;
  if (branch.children.length === 1) return shortened({ ...only, name: `${branch.name}.${only.name}` }, parent);
  const result: Branch = { ...branch, name: parent && /^\d/.test(branch.name) ? `${parent.name}.${branch.name}` : branch.name, parent };
  result.children = branch.children.map((child) => shortened(child, result));
  return result;
}

/** The branch that is a layer. */
export function branchOf(branches: readonly Branch[], layer: string): Branch | undefined {
  for (const branch of branches) {
    if (branch.layer?.name === layer) return branch;
    const below = branchOf(branch.children, layer);
    if (below) return below;
  }
  return undefined;
}
