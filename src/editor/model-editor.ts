import * as vscode from "vscode";
import type { LayerRow, ModelFacts, WorkerApi } from "../protocol/api";
import { CancelledError, KernelscopeError } from "../protocol/errors";
import { pageActions, type GraphCommand, type HostApi, type JobState, type NodePlace, type PageAction, type PageApi } from "../protocol/page";
import { connect, type Methods, type Peer } from "../protocol/rpc";
import type { SharedWorker } from "../worker/process";
import type { Accuracy, AccuracySession } from "./accuracy";
import { askOfSmall, save } from "./export";
import { linkTo } from "./link";
import { localFile, type LocalFile } from "./local-file";
import { sentenceOf } from "./log";
import { blocksWanted, choiceWanted, pageStart, pictureSize, text, webviewChannel, whole } from "./page-host";
import { pageHtml, pageRoots } from "./page-html";

/** How long a closed model stays in the viewing process, in case that it is opened again. */
const CLOSE_GRACE_MS = 5000;
/** A table of very many layers. */
const MOST_COPIED = 20_000_000;
const EXTENSION = "kernelscope.kernelscope";

interface ModelDocument extends vscode.CustomDocument { file: LocalFile }
interface OpenPage { uri: vscode.Uri; panel: vscode.WebviewPanel; page: PageApi; rows?: readonly LayerRow[]; selected?: string; /** Whether the page has told what it selects by itself, since it was in sight last. */ isReady?: boolean; /** Selected elsewhere while the page was not there. */ wanted?: string }

/** The model in front, for views beside the editor. */
export interface ShownModel {
  rows: readonly LayerRow[];
  /** Identity of the selected layer. */
  selected?: string;
  select(layer: string): void;
}

/** The read-only editor for `.onnx` files: one page a panel, one process for all that is looked at. */
export class ModelEditors implements vscode.CustomReadonlyEditorProvider<ModelDocument> {
  static readonly viewType = "kernelscope.model";
  private readonly pages = new Set<OpenPage>();
  private readonly references = new Map<string, number>();
  private readonly jobs = new Map<string, JobState>();
  /** What links lead to, until the pages of their models are there. */
  private readonly wanted = new Map<string, NodePlace>();
  private readonly shown = new vscode.EventEmitter<ShownModel | undefined>();
  /** Fires when another model comes to the front or another layer is selected; undefined once none is open. */
  readonly onDidShow = this.shown.event;
  private readonly chosen = new vscode.EventEmitter<{ model: vscode.Uri; layer: string; from?: object }>();
  /** Fires when a layer is selected, on a page or `from` somewhere else. */
  readonly onDidSelect = this.chosen.event;
  private front: OpenPage | undefined;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly viewing: SharedWorker,
    private readonly accuracy: Accuracy,
    private readonly log: vscode.LogOutputChannel,
    private readonly sensitivityOf: (model: vscode.Uri) => Promise<Record<string, number> | undefined>,
  ) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      this.shown, this.chosen,
      vscode.window.registerCustomEditorProvider(ModelEditors.viewType, this, { supportsMultipleEditorsPerDocument: true }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => { for (const { page } of this.pages) void page.trusted().catch(() => undefined); }),
    );
  }

  /** The model whose editor is in front. */
  get active(): vscode.Uri | undefined { return [...this.pages].find(({ panel }) => panel.active)?.uri; }

  /** Puts the cursor into the search field of the editor in front. */
  async find(): Promise<void> { await [...this.pages].find(({ panel }) => panel.active)?.page.find(); }

  /** Shows the codebook of the layer that is selected in the editor in front. */
  async showCodebook(): Promise<void> { await [...this.pages].find(({ panel }) => panel.active)?.page.showCodebook(); }

  /** Does something with what is selected in the editor in front. */
  async run(command: GraphCommand): Promise<void> {
    const open = [...this.pages].find(({ panel }) => panel.active);
    if (!open) throw new KernelscopeError("usage", vscode.l10n.t("No model is open."));
    await open.page.run(command);
  }

  /** Opens a model at a node. */
  async reveal(model: vscode.Uri, place: NodePlace): Promise<void> {
    const key = model.toString(), known = [...this.pages].find(({ uri, panel }) => uri.toString() === key && panel.visible);
    if (!known) this.wanted.set(key, place);
    await vscode.commands.executeCommand("vscode.openWith", model, ModelEditors.viewType);
    if (known) await known.page.reveal(place);
  }

  /** Whether a page of this model is in sight. */
  isVisible(uri: vscode.Uri): boolean { return [...this.pages].some((open) => open.panel.visible && open.uri.toString() === uri.toString()); }

  /** What a file is, open or not. */
  async factsOf(file: string): Promise<ModelFacts> {
    const facts = await this.viewing.api.open(file);
    if (!this.references.size) this.viewing.stop();
    else if (!this.references.has(file)) await this.viewing.api.close(file);
    return facts;
  }

  /** Shows a job's progress on every page of its model; undefined ends it. */
  setJob(uri: vscode.Uri, state: JobState | undefined): void {
    const key = uri.toString();
    if (state) this.jobs.set(key, state);
    else this.jobs.delete(key);
    for (const open of this.pages) if (open.uri.toString() === key) void open.page.job(state).catch(() => undefined);
  }

  async openCustomDocument(uri: vscode.Uri): Promise<ModelDocument> {
    const file = await localFile(uri), held = this.hold(file.path, () => file.dispose());
    // while the page starts, the process reads: what fails here is told when the page asks
    void this.viewing.api.open(file.path).catch(() => undefined);
    return { uri, file, dispose: () => held.dispose() };
  }

  /** Keeps a model in the viewing process until it is let go, and a while longer. */
  hold(path: string, gone: () => void = () => undefined): vscode.Disposable {
    this.references.set(path, (this.references.get(path) ?? 0) + 1);
    return { dispose: () => this.release(path, gone) };
  }

  /** Selects a layer on every page of these models but the one that says so. */
  share(models: readonly vscode.Uri[], layer: string | undefined, from?: object): void {
    if (layer === undefined) return;
    const keys = new Set(models.map(String));
    for (const open of this.pages) if (open !== from && keys.has(open.uri.toString()) && open.selected !== layer) {
      open.selected = layer;
      if (open.panel.visible && open.isReady) void open.page.select(layer).catch(() => undefined);
      else open.wanted = layer;
      if (open === this.front) this.showFront(open);
    }
    for (const model of models) this.chosen.fire({ model, layer, from });
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const { uri, file } = document;
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(this.extension) };
    const channel = webviewChannel(panel.webview), accuracy = this.accuracy.open({ model: vscode.Uri.file(file.path) }, () => peer.remote);
    const peer: Peer<PageApi> = connect<PageApi, HostApi>(channel, this.hostApi(uri, file.path, () => open, accuracy));
    const open: OpenPage = { uri, panel, page: peer.remote };
    this.pages.add(open);
    panel.webview.html = pageHtml(panel.webview, this.extension, pageStart("model", uri));
    const watching = this.watch(uri, open);
    const showActive = (): void => { if (panel.active) this.showFront(open); };
    showActive();
    panel.onDidChangeViewState(() => {
      if (!panel.visible) open.isReady = false; // it begins anew when it is seen again
      showActive();
    });
    panel.onDidDispose(() => {
      watching.dispose();
      accuracy.dispose();
      this.pages.delete(open);
      if (this.front === open) this.showFront([...this.pages].find((page) => page.panel.active));
      peer.close(new KernelscopeError("cancelled", "The editor was closed."));
    });
  }

  /** The tree of layers stays at the last model that was in front. */
  private showFront(open: OpenPage | undefined): void {
    this.front = open;
    this.shown.fire(open?.rows && { rows: open.rows, selected: open.selected, select: (layer) => this.share([open.uri], layer) });
  }

  private hostApi(uri: vscode.Uri, path: string, page: () => OpenPage, accuracy: AccuracySession): Methods<HostApi> {
    const ask = async <Result>(what: (worker: WorkerApi) => Promise<Result>): Promise<Result> => {
      try {
        return await what(this.viewing.api);
      } catch (error) {
        if (!(error instanceof CancelledError)) this.log.error(`${uri.fsPath}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
        throw error;
      }
    };
    return {
      open: async () => {
        const job = this.jobs.get(uri.toString());
        if (job) await page().page.job(job);
        const wanted = this.wanted.get(uri.toString());
        this.wanted.delete(uri.toString());
        if (wanted) void page().page.reveal(wanted).catch((error: unknown) => void vscode.window.showErrorMessage(sentenceOf(error)));
        if (vscode.workspace.isTrusted) await page().page.trusted(); // it may have begun before that
        return ask((worker) => worker.open(path));
      },
      graph: async () => {
        const packed = await ask((worker) => worker.packed(path));
        void this.readRows(path, page());
        return new Uint8Array(packed);
      },
      body: async (body) => new Uint8Array(await ask((worker) => worker.body(path, text(body)))),
      selected: async (layer) => {
        const own = page(), { wanted } = own;
        own.wanted = undefined;
        own.isReady = true;
        if (wanted !== undefined && wanted !== layer) { void own.page.select(wanted).catch(() => undefined); return; }
        own.selected = layer === undefined ? undefined : text(layer);
        if (own.panel.active) this.showFront(own);
        this.share([uri], own.selected, own);
      },
      layer: (id) => ask((worker) => worker.layer(path, text(id))),
      kernels: (id, first, count) => ask((worker) => worker.kernels(path, text(id), whole(first), Math.min(whole(count), 4096))),
      sensitivity: () => this.sensitivityOf(uri),
      copy: async (words) => {
        if (typeof words !== "string" || words.length > MOST_COPIED) throw new KernelscopeError("usage", "The page sent no text.");
        await vscode.env.clipboard.writeText(words);
      },
      copyLink: async ({ node, body }) => {
        const file = vscode.workspace.getWorkspaceFolder(uri) ? vscode.workspace.asRelativePath(uri, false) : uri.fsPath;
        await vscode.env.clipboard.writeText(linkTo(vscode.env.uriScheme, EXTENSION, { file, node: text(node), ...(body !== undefined && { body: text(body) }) }));
        vscode.window.setStatusBarMessage(vscode.l10n.t("Link copied."), 3000);
      },
      save: (name, bytes, size) => save(uri, text(name), bytes, size && pictureSize(size)),
      askOfSmall: (size) => askOfSmall(pictureSize(size)),
      noise: () => ask((worker) => this.noiseOf(path, worker)),
      codebook: (id) => ask((worker) => worker.codebook(path, text(id), this.accuracy.originalOf(path))),
      preview: (id, wanted, estimate, signal) => ask((worker) => worker.preview(path, text(id), this.accuracy.originalOf(path), wanted && { method: wanted.method === undefined ? undefined : text(wanted.method), block: whole(wanted.block), words: whole(wanted.words) }, estimate, signal)),
      words: (id) => ask((worker) => worker.words(path, text(id))),
      wavelets: (id) => ask((worker) => worker.wavelets(path, text(id), this.accuracy.originalOf(path))),
      blocks: (codebook, request) => ask((worker) => worker.blocks(path, whole(codebook), blocksWanted(request))),
      choose: (codebook, choice) => ask((worker) => worker.choose(path, whole(codebook), choiceWanted(choice))),
      umap: (codebook, progress, signal) => ask((worker) => worker.umap(path, whole(codebook), progress, signal)),
      ...accuracy.api,
      act: (action, argument) => act(uri, action, argument),
    };
  }

  /** The tree of layers needs rows too, after the page has its own. */
  private async readRows(path: string, open: OpenPage): Promise<void> {
    const rows = await this.viewing.api.layers(path).catch(() => undefined); // the page has been told what is the matter
    open.rows = rows ?? open.rows;
    if (rows && open.panel.active && this.pages.has(open)) this.showFront(open);
  }

  /** How far each layer's weights are from the original's. */
  private async noiseOf(path: string, worker: WorkerApi): Promise<Record<string, number> | undefined> {
    const original = await this.accuracy.knownOriginalOf(path);
    if (original === undefined) return undefined;
    const held = this.hold(original), noise: Record<string, number> = {};
    try {
      for (const { name } of await worker.layers(path)) {
        const weights = await worker.comparedWeights(original, path, name, 0);
        if (typeof weights !== "string" && weights.sqnrDb !== undefined) noise[name] = weights.sqnrDb;
      }
      return noise;
    } finally {
      held.dispose();
    }
  }

  /** Reads the file again when another program has changed it; closes the tab when it is gone. */
  private watch(uri: vscode.Uri, { panel, page }: OpenPage): vscode.Disposable {
    const folder = vscode.Uri.joinPath(uri, ".."), name = uri.path.split("/").pop() ?? "";
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, name.replace(/[[\]{}*?]/g, "?")));
    let timer: NodeJS.Timeout | undefined;
    const check = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        vscode.workspace.fs.stat(uri).then(() => page.changed().catch(() => undefined), () => panel.dispose());
      }, 500);
    };
    watcher.onDidChange(check);
    watcher.onDidCreate(check);
    watcher.onDidDelete(check);
    return vscode.Disposable.from(watcher, { dispose: () => clearTimeout(timer) });
  }

  private release(path: string, gone: () => void): void {
    setTimeout(() => {
      const left = (this.references.get(path) ?? 1) - 1;
      if (left > 0) { this.references.set(path, left); return; }
      this.references.delete(path);
      gone();
      if (this.references.size === 0) this.viewing.stop();
      else void this.viewing.api.close(path).catch(() => undefined);
    }, CLOSE_GRACE_MS);
  }
}

async function act(uri: vscode.Uri, action: PageAction, argument: string | undefined): Promise<void> {
  if (!pageActions.includes(action)) throw new KernelscopeError("usage", "The page asked for something unknown.");
  switch (action) {
    case "compress": await vscode.commands.executeCommand("kernelscope.compress", uri); break;
    case "compare": await vscode.commands.executeCommand("kernelscope.compare", uri); break;
    case "prepare": await vscode.commands.executeCommand("kernelscope.prepare", uri); break;
    case "compare-result": await vscode.commands.executeCommand("kernelscope.compareResult", uri); break;
    case "cancel-job": await vscode.commands.executeCommand("kernelscope.cancel", uri); break;
    case "finish-tuning": await vscode.commands.executeCommand("kernelscope.finishTuning", uri); break;
    case "resume-job": await vscode.commands.executeCommand("kernelscope.resume", uri); break;
    case "choose-job-data": await vscode.commands.executeCommand("kernelscope.chooseJobData", uri); break;
    case "discard-job": await vscode.commands.executeCommand("kernelscope.discard", uri); break;
    case "open-recipe": await vscode.commands.executeCommand("kernelscope.openRecipe", uri); break;
    case "show-log": await vscode.commands.executeCommand("kernelscope.showLog"); break;
    case "manage-trust": await vscode.commands.executeCommand("workbench.trust.manage"); break;
    case "compress-layer": await vscode.commands.executeCommand("kernelscope.layer.compress", { layer: text(argument) }); break;
    case "copy-name": await vscode.env.clipboard.writeText(text(argument)); break;
  }
}
