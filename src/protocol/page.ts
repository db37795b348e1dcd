import type { AccuracyHostApi, AccuracyPageApi } from "./accuracy";
import type { BlockChoice, BlockPage, BlockRequest, ChosenBlocks, CodebookEstimate, CodebookFacts, CodebookWanted, CodebookWords, FinishedLayer, KernelPage, LayerDetails, ModelFacts, Progress, UmapPlaces, UmapProgress, WaveletMaps } from "./api";
import type { PreparedVerdict } from "./estimates";
import type { HeldOut } from "./report";

/** What a model page and the extension host say to each other. Statistics and slices only, never a model's weights. */

/** Handed to the page with its HTML. */
export interface PageStart {
  kind: "model" | "recipe" | "compare" | "accuracy";
  /** File name for the title and the error states. */
  name: string;
  /** A workspace in Restricted Mode may look, not run. */
  trusted: boolean;
  /** Models elsewhere, as in a virtual workspace, are looked at as copies: a job needs a file, and writes one beside it. */
  isOnDisk: boolean;
  /** BCP 47, for numbers. */
  language: string;
  /** Translations by their English text; empty in English. */
  strings: Record<string, string>;
  /** The two models of a comparison, by their uris. */
  compare?: { original: string; compressed: string };
}

/** A node by a tensor that it makes, or by its own name where it makes none, and the body that it is in. */
export interface NodePlace { node: string; body?: string }

/** What the menus of VS Code may ask a page to do with what is selected. */
export const graphCommands = ["path", "copy-link", "copy-text", "copy-table", "view-png", "view-svg", "graph-png", "graph-svg", "table-tsv"] as const;
export type GraphCommand = (typeof graphCommands)[number];

/** What the page may ask VS Code to do. */
export const pageActions = ["compress", "compare", "show-log", "manage-trust", "copy-name", "compress-layer", "cancel-job", "finish-tuning", "resume-job", "choose-job-data", "discard-job", "open-recipe", "compare-result", "prepare"] as const;
export type PageAction = (typeof pageActions)[number];

/** Pixels of a picture, and its scale beside a graph at 100 %. */
export interface PictureSize { width: number; height: number; scale: number }

/** The host's side. */
export interface HostApi extends AccuracyHostApi {
  open(): Promise<ModelFacts>;
  /** A packed `GraphAndLayers`. */
  graph(): Promise<Uint8Array>;
  /** Packed `BodyFacts`. */
  body(path: string): Promise<Uint8Array>;
  layer(id: string): Promise<LayerDetails>;
  /** Signal to noise of the layers' weights beside the original's, dB, by layer; undefined where no original is known. Layers that have lost nothing are left out. */
  noise(): Promise<Record<string, number> | undefined>;
  kernels(id: string, first: number, count: number): Promise<KernelPage | undefined>;
  codebook(id: string): Promise<CodebookFacts | undefined>;
  preview(id: string, wanted: CodebookWanted | undefined, estimate: (found: CodebookEstimate) => void, signal: AbortSignal): Promise<CodebookFacts | undefined>;
  words(id: string): Promise<CodebookWords | undefined>;
  wavelets(id: string): Promise<WaveletMaps | undefined>;
  blocks(codebook: number, request: BlockRequest): Promise<BlockPage | undefined>;
  choose(codebook: number, choice: BlockChoice): Promise<ChosenBlocks | undefined>;
  umap(codebook: number, progress: (p: UmapProgress) => void, signal: AbortSignal): Promise<UmapPlaces | undefined>;
  /** What layers' noise does to the outputs, by layer, as it was measured for a plan; undefined where nobody has made one with images. */
  sensitivity(): Promise<Record<string, number> | undefined>;
  /** Puts words on the clipboard. */
  copy(text: string): Promise<void>;
  /** Puts a link on the clipboard that opens this model at a node. */
  copyLink(node: NodePlace): Promise<void>;
  /** Asks where to, and writes a file; of a PNG its size is told then. */
  save(name: string, bytes: Uint8Array, size?: PictureSize): Promise<void>;
  /** Asks what to write in place of a PNG in which nothing can be read; undefined for nothing. */
  askOfSmall(size: PictureSize): Promise<"svg" | "png" | undefined>;
  /** Another layer is selected, or none. */
  selected(layer: string | undefined): Promise<void>;
  /** `text` goes with "copy-name". */
  act(action: PageAction, text?: string): Promise<void>;
}

/** The course of a training, thinned out to what a chart can show. */
export interface TrainingCourse {
  /** Step and mean loss of the latest steps, on what is trained on. */
  losses: [step: number, loss: number][];
  /** Looks at the samples that are held out. */
  held: LookAtHeld[];
  /** Before the first step. */
  first: HeldOut;
  /** Its step is not known where it came before a window that was closed. */
  best: HeldOut & { step?: number };
  /** How many samples are held out. */
  samples?: number;
}
export interface LookAtHeld extends HeldOut { step: number }

/** What asked for a job: the same recipe as it was before, another one by its file's name, or none. */
export type OtherRecipe = { kind: "earlier" } | { kind: "other"; name: string } | { kind: "none" };

/** A job on this model, as pages and the status bar show it. */
export interface JobState extends Progress {
  title: string;
  /** A job that has ended says so in one sentence and can go on, or be forgotten. */
  state: "running" | "stopped" | "done";
  sentence?: string;
  /** Of one that prepared a model for a compression: what that was worth. */
  prepared?: PreparedVerdict;
  /** Of a job that stopped because of its images: going on with the same cannot help. */
  isOfData?: boolean;
  /** On a recipe's page: what the job is of, where that is not what the page shows. */
  otherRecipe?: OtherRecipe;
  finished: FinishedLayer[];
  /** Of a job that is training. */
  course?: TrainingCourse;
  /** Its training is to end with what is best so far. */
  isFinishing?: boolean;
}

/** The page's side. */
export interface PageApi extends AccuracyPageApi {
  /** The file is another one now: read it again, keep the selection. */
  changed(): Promise<void>;
  trusted(): Promise<void>;
  find(): Promise<void>;
  /** Selects a node, in whatever body. */
  reveal(place: NodePlace): Promise<void>;
  run(command: GraphCommand): Promise<void>;
  /** Shows the codebook of the selected layer. */
  showCodebook(): Promise<void>;
  /** Selects a layer in all views. */
  select(layer: string): Promise<void>;
  /** Undefined once nothing runs. */
  job(state: JobState | undefined): Promise<void>;
}
