import * as vscode from "vscode";
import { formatBytes } from "../protocol/sizes";
import { branchesOf, branchOf, type Branch } from "./branches";
import type { ModelEditors, ShownModel } from "./model-editor";

/** The native tree *Layers* in the Explorer: the layers of the model in front, with the editor's selection. */
export class LayersTree implements vscode.TreeDataProvider<Branch> {
  static readonly viewId = "kernelscope.layers";
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private shown: ShownModel | undefined;
  private branches: Branch[] = [];

  static register(editors: ModelEditors): vscode.Disposable {
    const tree = new LayersTree(), view = vscode.window.createTreeView(LayersTree.viewId, { treeDataProvider: tree, showCollapseAll: true });
    return vscode.Disposable.from(
      view, tree.changed,
      editors.onDidShow((shown) => tree.show(shown, view)),
      view.onDidChangeVisibility(({ visible }) => { if (visible) tree.follow(view); }),
      view.onDidChangeSelection(({ selection: [branch] }) => { if (branch?.layer && branch.layer.name !== tree.shown?.selected) tree.shown?.select(branch.layer.name); }),
    );
  }

  private show(shown: ShownModel | undefined, view: vscode.TreeView<Branch>): void {
    const others = shown?.rows !== this.shown?.rows;
    this.shown = shown;
    if (others) {
      this.branches = branchesOf(shown?.rows ?? []);
      view.message = shown && !this.branches.length ? vscode.l10n.t("No layer of this model has a weight in the file; what it computes stands in its graph.") : undefined;
      this.changed.fire();
    }
    this.follow(view);
  }

  /** Selects what the editor has selected, where the tree can be seen: it does not come forward for that. */
  private follow(view: vscode.TreeView<Branch>): void {
    const branch = this.shown?.selected === undefined ? undefined : branchOf(this.branches, this.shown.selected);
    if (!branch || !view.visible || view.selection.includes(branch)) return;
    view.reveal(branch, { select: true, focus: false }).then(undefined, () => undefined); // another model came in between
  }

  getChildren(branch?: Branch): Branch[] { return branch?.children ?? (branch ? [] : this.branches); }

  getParent({ parent }: Branch): Branch | undefined { return parent; }

  getTreeItem({ name, bytes, layer, children }: Branch): vscode.TreeItem {
    const item = new vscode.TreeItem(name, children.length ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None);
    item.description = formatBytes(bytes);
    item.tooltip = layer ? `${layer.label}: ${layer.op} ${layer.shape.join("×")}, ${formatBytes(bytes)}` : vscode.l10n.t("{0}: {1} layers, {2}", name, children.length, formatBytes(bytes));
    item.accessibilityInformation = { label: item.tooltip };
    return item;
  }
}
