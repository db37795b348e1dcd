import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";
import type { AccuracyPageApi, AccuracyPanelApi, Measured } from "../protocol/accuracy";
import type { CompressRequest } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import { connect } from "../protocol/rpc";
import { runJob } from "../worker/process";
import type { Accuracy, AccuracyPair } from "./accuracy";
import type { Make } from "./measurement";
import type { ModelEditors } from "./model-editor";
import { pageStart, text, webviewChannel } from "./page-host";
import { pageHtml, pageRoots } from "./page-html";

/** So many candidates stay, so that going back to one costs nothing. */
const KEPT = 4;

/** What is tried out: a compression as it would be run, or all of it `beforeTuning`, the folder that it measures on, and what it is called. */
export interface Candidate { model: vscode.Uri; request: CompressRequest; beforeTuning: boolean; data?: string; heldOut: boolean; name: string }

/** Accuracy of a compression before anything is saved: the candidate is made among the extension's own files and measured there. */
export class CandidatePanel {
  private panel: vscode.WebviewPanel | undefined;
  private end: (() => void) | undefined;

  constructor(private readonly context: vscode.ExtensionContext, private readonly editors: ModelEditors, private readonly accuracy: Accuracy, private readonly log: vscode.LogOutputChannel) {}

  /** Makes and measures a candidate, in the one panel for that. @param done gets the figures and the candidate's size */
  async show(candidate: Candidate, done: (measured: Measured, bytes: number) => void): Promise<void> {
    const { model, request, beforeTuning, data, heldOut, name } = candidate, folder = vscode.Uri.joinPath(this.context.storageUri ?? this.context.globalStorageUri, "candidates").fsPath;
    const digest = createHash("sha256").update(JSON.stringify([await stampOf(model.fsPath), request])).digest("hex").slice(0, 20), file = path.join(folder, `${digest}.onnx`);
    const pair: AccuracyPair = { original: model, compressed: vscode.Uri.file(file), data, heldOut, beforeTuning, name, make: this.maker(file, request), done: (measured) => { void fs.stat(file).then(({ size }) => done(measured, size), () => undefined); } };
    const panel = this.panel ?? vscode.window.createWebviewPanel("kernelscope.candidate", "", vscode.ViewColumn.Beside, {});
    this.end?.();
    this.panel = panel;
    panel.title = beforeTuning ? vscode.l10n.t("Accuracy of {0} before fine-tuning", name) : vscode.l10n.t("Accuracy of {0}", name);
    panel.iconPath = vscode.Uri.joinPath(this.context.extensionUri, "media", "icon.svg");
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(this.context.extensionUri) };
    const session = this.accuracy.open(pair, () => peer.remote);
    const peer = connect<AccuracyPageApi, AccuracyPanelApi>(webviewChannel(panel.webview), {
      ...session.api,
      selected: async (layer) => this.editors.share([model], text(layer), panel),
      openLayer: async (layer) => {
        await vscode.commands.executeCommand("vscode.open", model);
        this.editors.share([model], text(layer), panel);
      },
      showLog: async () => this.log.show(),
    });
    const closing = panel.onDidDispose(() => { this.end?.(); this.end = this.panel = undefined; });
    this.end = () => {
      closing.dispose();
      session.dispose();
      peer.close(new KernelscopeError("cancelled", "Something else is measured now."));
    };
    panel.webview.html = pageHtml(panel.webview, this.context.extensionUri, { ...pageStart("accuracy", model), name: panel.title });
    panel.reveal(undefined, true);
    const { measured } = await session.api.accuracy();
    if (!measured) await session.api.measure().catch(() => undefined); // the page says what is missing
  }

  private maker(file: string, request: CompressRequest): Make {
    return async (progress, signal) => {
      if (await fs.access(file).then(() => true, () => false)) return;
      await fs.mkdir(path.dirname(file), { recursive: true });
      await sweep(path.dirname(file));
      await runJob(this.context.asAbsolutePath("dist/worker.js"), (line) => this.log.info(line), signal, (api, signal) => api.compress({ ...request, output: file, force: true }, ({ text, fraction, secondsLeft }) => progress({ text, fraction, secondsLeft }), signal));
    };
  }
}

const stampOf = (file: string): Promise<string> => fs.stat(file).then(({ size, mtimeMs }) => `${file} ${size} ${mtimeMs}`);

/** Makes room for another candidate. */
async function sweep(folder: string): Promise<void> {
  const files = await Promise.all((await fs.readdir(folder)).map(async (name) => ({ file: path.join(folder, name), time: (await fs.stat(path.join(folder, name))).mtimeMs })));
  for (const { file } of files.sort((a, b) => b.time - a.time).slice(KEPT - 1)) await fs.rm(file, { force: true });
}
