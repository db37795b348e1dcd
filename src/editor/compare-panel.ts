import * as path from "node:path";
import * as vscode from "vscode";
import type { ComparedLayer, CompareHostApi, ComparePageApi, Side } from "../protocol/compare";
import { KernelscopeError } from "../protocol/errors";
import { connect, type Methods } from "../protocol/rpc";
import type { SharedWorker } from "../worker/process";
import type { Device } from "../protocol/api";
import type { Accuracy } from "./accuracy";
import { dataFolderOf } from "./data-folder";
import { Latency } from "./latency";
import type { ModelEditors } from "./model-editor";
import { pageStart, text, webviewChannel, whole } from "./page-host";
import { pageHtml, pageRoots } from "./page-html";
import { keptIntegers, keptTuning } from "./tuned-store";

/** The rows that a page shows, and the one that is selected; `wanted` is to be, once they are known, by its name in one of the models. */
interface Selection { layer?: string; rows: readonly ComparedLayer[]; wanted?: { layer: string; side: Side } }

/** A panel with its page: what it shows, and what ends all that stands behind it. */
interface Shown { page: ComparePageApi; pair: readonly [original: vscode.Uri, compressed: vscode.Uri]; selection: Selection; end(): void }

/** What the page's saved state tells when the window is loaded again. */
interface SavedPair { original: string; compressed: string }

/** Panels that show two models side by side; they come back with the window. */
export class ComparePanels implements vscode.WebviewPanelSerializer<unknown> {
  static readonly viewType = "kernelscope.comparison";
  private readonly open = new Map<string, vscode.WebviewPanel>();
  private readonly shown = new Map<vscode.WebviewPanel, Shown>();

  constructor(private readonly context: vscode.ExtensionContext, private readonly viewing: SharedWorker, private readonly editors: ModelEditors, private readonly accuracy: Accuracy, private readonly log: vscode.LogOutputChannel) {}

  register(): vscode.Disposable { return vscode.window.registerWebviewPanelSerializer(ComparePanels.viewType, this); }

  /** Shows both models, in the panel that shows them already if there is one. */
  show(original: vscode.Uri, compressed: vscode.Uri): void {
    const known = this.open.get(keyOf(original, compressed));
    if (known) { known.reveal(); return; }
    this.fill(vscode.window.createWebviewPanel(ComparePanels.viewType, titleOf(original, compressed), vscode.ViewColumn.Active, {}), original, compressed);
  }

  /** Searches in the comparison in front; false where none is. */
  async find(): Promise<boolean> {
    const front = this.front();
    await front?.[1].page.find();
    return front !== undefined;
  }

  /** Turns the comparison in front around: what stood second stands first. The layer that is selected stays so. */
  swap(): void {
    const [panel, shown] = this.front() ?? [];
    if (!panel || !shown) return;
    const { pair: [original, compressed], selection: { rows, layer } } = shown, row = rows.find(({ id }) => id === layer), other = this.open.get(keyOf(compressed, original));
    if (other) { other.reveal(); return; }
    shown.end();
    this.fill(panel, compressed, original, row && (row.after ? { layer: row.after.name, side: "original" } : { layer: row.before?.name ?? row.id, side: "compressed" }));
  }

  private front(): [vscode.WebviewPanel, Shown] | undefined { return [...this.shown].find(([{ active }]) => active); }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    if (isSavedPair(state)) this.fill(panel, vscode.Uri.parse(state.original), vscode.Uri.parse(state.compressed));
    else panel.dispose();
  }

  private fill(panel: vscode.WebviewPanel, original: vscode.Uri, compressed: vscode.Uri, wanted?: Selection["wanted"]): void {
    const key = keyOf(original, compressed), { extensionUri } = this.context;
    this.open.set(key, panel);
    panel.title = titleOf(original, compressed);
    panel.iconPath = vscode.Uri.joinPath(extensionUri, "media", "icon.svg");
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(extensionUri) };
    const selection: Selection = { rows: [], wanted }, session = this.accuracy.open({ original, compressed }, () => peer.remote), held = [original, compressed].map((uri) => this.editors.hold(uri.fsPath));
    const latency = this.latency(original, compressed, () => peer.remote);
    const peer = connect<ComparePageApi, CompareHostApi>(webviewChannel(panel.webview), {
      ...this.api(panel, original, compressed, selection), ...session.api,
      latency: () => latency.current(), measureLatency: async () => latency.start(), cancelLatency: async () => latency.cancel(),
    });
    const watching = [original, compressed].map((uri) => this.watch(uri, () => peer.remote));
    const following = this.editors.onDidSelect(({ model, layer, from }) => {
      if (from === panel || ![original, compressed].map(String).includes(model.toString())) return;
      const side = model.toString() === String(original) ? "original" : "compressed";
      selection.layer = rowNamed(selection.rows, layer, side) ?? layer;
      if (panel.visible) void peer.remote.select(layer, side).catch(() => undefined);
    });
    const end = (): void => {
      this.open.delete(key);
      this.shown.delete(panel);
      session.dispose();
      latency.cancel();
      for (const part of [...held, ...watching, following, closing]) part.dispose();
      peer.close(new KernelscopeError("cancelled", "The comparison was closed."));
    }, closing = panel.onDidDispose(end);
    this.shown.set(panel, { page: peer.remote, pair: [original, compressed], selection, end });
    panel.webview.html = pageHtml(panel.webview, extensionUri, { ...pageStart("compare", compressed), name: panel.title, compare: { original: original.toString(), compressed: compressed.toString() } });
  }

  private api(panel: vscode.WebviewPanel, original: vscode.Uri, compressed: vscode.Uri, selection: Selection): Omit<Methods<CompareHostApi>, keyof ReturnType<Accuracy["open"]>["api"] | "latency" | "measureLatency" | "cancelLatency"> {
    const [before, after] = [original.fsPath, compressed.fsPath], pathOf = (side: Side): string => (side === "original" ? before : after);
    const ask = async <Result>(what: () => Promise<Result>): Promise<Result> => {
      try {
        return await what();
      } catch (error) {
        this.log.error(`${titleOf(original, compressed)}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        throw error;
      }
    };
    return {
      compare: () => ask(async () => {
        const { api } = this.viewing, models = await api.compared(before, after);
        const { wanted } = selection;
        selection.rows = models.layers;
        if (wanted) selection.layer = rowNamed(models.layers, wanted.layer, wanted.side);
        delete selection.wanted;
        return { ...models, graphs: { original: await api.graph(before), compressed: await api.graph(after) }, selected: selection.layer, tuning: await keptTuning(this.context.workspaceState, after), integers: await keptIntegers(this.context.workspaceState, after) };
      }),
      sizes: (side) => ask(() => this.viewing.api.sizes(pathOf(side))),
      weights: (layer, count, first = 0) => ask(() => this.viewing.api.comparedWeights(before, after, text(layer), Math.min(whole(count), 1024), whole(first))),
      selected: async (id) => {
        const row = selection.rows.find((one) => one.id === id);
        selection.layer = row?.id;
        // each model by its own name
        if (row?.before && row.before.name === row.after?.name) this.editors.share([original, compressed], row.before.name, panel);
        else {
          if (row?.before) this.editors.share([original], row.before.name, panel);
          if (row?.after) this.editors.share([compressed], row.after.name, panel);
        }
      },
      openModel: async (side, layer) => {
        const model = side === "original" ? original : compressed;
        await vscode.commands.executeCommand("vscode.open", model);
        this.editors.share([model], layer, panel);
      },
      showLog: async () => this.log.show(),
    };
  }

  /** Times are measured with the settings as they are then. */
  private latency(original: vscode.Uri, compressed: vscode.Uri, page: () => ComparePageApi): Latency {
    const { context, log } = this, request = () => {
      const settings = vscode.workspace.getConfiguration("kernelscope", original), threads = settings.get<number>("threads", 0), data = dataFolderOf(original, context.workspaceState);
      return { original: original.fsPath, compressed: compressed.fsPath, device: settings.get<Device>("device", "auto"), ...(data !== undefined && { data }), ...(threads > 0 && { threads }) };
    };
    return new Latency(request, context.asAbsolutePath("dist/worker.js"), context.workspaceState, log, (state) => { void page().latencyChanged(state).catch(() => undefined); });
  }

  /** Reads both again when one file is another one. */
  private watch(uri: vscode.Uri, page: () => ComparePageApi): vscode.Disposable {
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.joinPath(uri, ".."), path.basename(uri.fsPath).replace(/[[\]{}*?]/g, "?")));
    let timer: NodeJS.Timeout | undefined;
    const changed = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => { void this.viewing.api.open(uri.fsPath).then(() => page().changed()).catch(() => undefined); }, 500);
    };
    watcher.onDidChange(changed);
    watcher.onDidCreate(changed);
    return vscode.Disposable.from(watcher, { dispose: () => clearTimeout(timer) });
  }
}

const rowNamed = (rows: readonly ComparedLayer[], layer: string | undefined, side: Side): string | undefined => rows.find(({ before, after }) => (side === "original" ? before : after)?.name === layer)?.id;
const keyOf = (original: vscode.Uri, compressed: vscode.Uri): string => `${original.toString()} ${compressed.toString()}`;
const titleOf = (original: vscode.Uri, compressed: vscode.Uri): string => `${path.basename(original.fsPath)} ↔ ${path.basename(compressed.fsPath)}`;
const isSavedPair = (state: unknown): state is SavedPair => typeof state === "object" && state !== null && "original" in state && typeof state.original === "string" && "compressed" in state && typeof state.compressed === "string";
