import * as path from "node:path";
import * as vscode from "vscode";
import type { AccuracyHostApi, AccuracyPageApi, AccuracyState, Measured, PairRequest } from "../protocol/accuracy";
import type { Device } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import type { JobState } from "../protocol/page";
import type { Methods } from "../protocol/rpc";
import { chooseDataFolder, chooseOriginal, chosenOriginals, dataFolderOf, pairOf } from "./data-folder";
import { MeasuredStore } from "./measured-store";
import { type Make, Measurement, stampOf } from "./measurement";
import { fittedShare, MadeFiles } from "../worker/made";
import type { Status } from "./status";
import { keptFidelity, keptTuning } from "./tuned-store";

/** Two models of which the second may have to be made first, then under a `name` of its own; `data` goes before what the settings say. */
export interface AccuracyPair { original: vscode.Uri; compressed: vscode.Uri; data?: string; heldOut?: boolean; beforeTuning?: boolean; name?: string; make?: Make; done?(measured: Measured): void }
/** The models of an accuracy view: one whose partner is looked for, or both. */
export type AccuracyModels = { model: vscode.Uri } | AccuracyPair;

/** What an accuracy view's page calls, for as long as the page is there. */
export interface AccuracySession { api: Methods<AccuracyHostApi>; dispose(): void }

/** So many pairs keep their figures after their pages are closed. */
const KEPT = 24;

/** All that has been measured; a pair is measured once, whichever views show it, and again only where its files are others. */
export class Accuracy {
  private readonly measurements = new Map<string, Measurement>();
  /** Where figures outlive the window; nowhere without a workspace. */
  readonly folder: string | undefined;
  private readonly store: MeasuredStore;
  private readonly refresh = new vscode.EventEmitter<void>();

  constructor(private readonly context: vscode.ExtensionContext, private readonly status: Status, private readonly log: vscode.LogOutputChannel) {
    this.store = new MeasuredStore(this.folder = context.storageUri && path.join(context.storageUri.fsPath, "measured"));
    context.subscriptions.push(
      this.refresh,
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.refresh.fire()),
      vscode.workspace.onDidChangeConfiguration((change) => { if (change.affectsConfiguration("kernelscope")) this.refresh.fire(); }),
    );
  }

  /** What the user chose as a model's original. */
  originalOf(file: string): string | undefined { return chosenOriginals(this.context.workspaceState)[file]; }

  /** The model that a file was made of, if it is known and there. */
  async knownOriginalOf(file: string): Promise<string | undefined> {
    const { original, compressed } = await pairOf(vscode.Uri.file(file), this.context.workspaceState);
    return compressed === file ? original : undefined;
  }

  /** @param page is told of every change; `undefined` before the page has asked */
  open(models: AccuracyModels, page: () => AccuracyPageApi | undefined): AccuracySession {
    let disposed = false;
    const home = "model" in models ? models.model : models.original, state = this.context.workspaceState;
    let shown: Measurement | undefined, stop: (() => void) | undefined, asked = 0;
    const settle = async (): Promise<{ original?: string; compressed: string; data?: string; measurement?: Measurement }> => {
      const turn = ++asked, pair = "model" in models ? await pairOf(models.model, state) : { original: models.original.fsPath, compressed: models.compressed.fsPath };
      const own = "model" in models ? undefined : models, data = own?.data ?? dataFolderOf(home, state);
      const measurement = pair.original !== undefined && data !== undefined ? await this.measurementOf(home, { original: pair.original, compressed: pair.compressed, data }, own) : undefined;
      if (!disposed && turn === asked && measurement !== shown) {
        const before = stop;
        shown = measurement;
        stop = measurement?.listen(tell);
        before?.();
      }
      return { ...pair, data, measurement };
    };
    const current = async (): Promise<AccuracyState> => {
      const { original, compressed, data, measurement } = await settle(), made = data === undefined || "make" in models && models.make ? undefined : await new MadeFiles().of(compressed);
      const isFittedTo = made !== undefined && data !== undefined && await fittedShare(made, data) !== undefined;
      return {
        subject: { original: original && path.basename(original), compressed: ("model" in models ? undefined : models.name) ?? path.basename(compressed), data: data && path.basename(data), allImages: "model" in models || models.data === undefined, isFittedTo, beforeTuning: !("model" in models) && models.beforeTuning === true, trusted: vscode.workspace.isTrusted },
        reported: original === undefined || ("make" in models && models.make) ? undefined : await keptFidelity(state, original, compressed),
        tuning: "make" in models && models.make ? undefined : await keptTuning(state, compressed),
        running: measurement?.running ?? false, making: measurement?.making, measured: measurement?.measured, cancelled: measurement?.cancelled, error: measurement?.error,
      };
    };
    const tell = (): void => { void current().then((now) => page()?.accuracyChanged(now)).catch(() => undefined); };
    const needed = async (): Promise<Measurement> => {
      const { measurement } = await settle();
      if (!vscode.workspace.isTrusted) throw new KernelscopeError("usage", vscode.l10n.t("Measuring runs the models, so it needs a trusted folder."));
      if (!measurement) throw new KernelscopeError("usage", vscode.l10n.t("Measuring needs the original and a folder of images."));
      return measurement;
    };
    const watching = this.refresh.event(tell);
    return {
      api: {
        accuracy: current,
        measure: async () => { void (await needed()).start(); },
        cancelMeasure: async () => shown?.cancel(),
        chooseOriginal: async () => { if ("model" in models && await chooseOriginal((await pairOf(models.model, state)).compressed, state)) this.refresh.fire(); },
        chooseData: async () => { if (await chooseDataFolder(home, state)) this.refresh.fire(); },
        thumbnails: async (positions, side) => (await needed()).thumbnails(positions.map(Number), Number(side)),
        trace: async (position, progress, signal) => (await needed()).trace(position === undefined ? undefined : Number(position), progress, signal),
        origins: async (progress, signal) => (await needed()).origins(progress, signal),
      },
      dispose: () => {
        disposed = true;
        watching.dispose();
        stop?.();
      },
    };
  }

  /** A model that has to be made is called by what it is made of, others by what is in their files. */
  private async measurementOf(home: vscode.Uri, pair: PairRequest, { make, heldOut, done }: Partial<AccuracyPair> = {}): Promise<Measurement> {
    const { original, compressed, data } = pair, key = [await stampOf(original), make ? compressed : await stampOf(compressed), data].join("|"), known = this.measurements.get(key);
    if (known) return known;
    const settings = vscode.workspace.getConfiguration("kernelscope", home), threads = settings.get<number>("threads", 0);
    const earlier = make ? undefined : await this.store.load(key), meanwhile = this.measurements.get(key);
    if (meanwhile) return meanwhile;
    const made = new Measurement({ ...pair, heldOut, device: settings.get<Device>("device", "auto"), ...(threads > 0 ? { threads } : {}) }, this.context.asAbsolutePath("dist/worker.js"), (line) => this.log.info(line), {
      make, changed: (measurement) => this.status.setJob(`measuring ${key}`, jobOf(measurement)),
      done: (measured) => {
        if (!make) void this.store.save(key, measured);
        done?.(measured);
      },
    }, earlier);
    this.measurements.set(key, made);
    for (const [old, measurement] of this.measurements) if (this.measurements.size > KEPT && measurement !== made && !measurement.running) this.measurements.delete(old);
    return made;
  }
}

/** What the status bar says while a measurement runs. */
function jobOf({ running, making, measured, request }: Measurement): JobState | undefined {
  if (!running) return undefined;
  const fresh = measured && measured.samples < measured.total ? measured : undefined, text = making?.text ?? (fresh ? vscode.l10n.t("{0} of {1} images", fresh.samples, fresh.total) : vscode.l10n.t("starting"));
  return { stage: "measure", state: "running", title: vscode.l10n.t("Measuring {0}", path.basename(request.original)), text, fraction: making?.fraction ?? (fresh ? fresh.samples / fresh.total : 0), secondsLeft: making?.secondsLeft ?? fresh?.secondsLeft, finished: [] };
}
