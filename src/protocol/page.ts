import type { AccuracyHostApi, AccuracyPageApi } from "./accuracy";
import type { BlockPage, BlockRequest, CodebookFacts, GraphFacts, KernelPage, LayerDetails, LayerRow, ModelFacts, Progress } from "./api";

/** What a model page and the extension host say to each other. Statistics and slices only, never a model's weights. */

/** Handed to the page with its HTML. */
export interface PageStart {
  /** File name for the title and the error states. */
  name: string;
  /** A workspace in Restricted Mode may look, not run. */
  trusted: boolean;
  /** BCP 47, for numbers. */
  language: string;
  /** Translations by their English text; empty in English. */
  strings: Record<string, string>;
  /** Two models to show side by side, by their uris, instead of one. */
  compare?: { original: string; compressed: string };
}

/** What the page may ask VS Code to do. */
export const pageActions = ["compress", "compare", "show-log", "manage-trust", "copy-name", "cancel-job"] as const;
export type PageAction = (typeof pageActions)[number];

/** The host's side. */
export interface HostApi extends AccuracyHostApi {
  open(): Promise<ModelFacts>;
  graph(): Promise<GraphFacts>;
  layers(): Promise<LayerRow[]>;
  layer(id: string): Promise<LayerDetails>;
  kernels(id: string, first: number, count: number): Promise<KernelPage | undefined>;
  codebook(id: string): Promise<CodebookFacts | undefined>;
  preview(id: string, wanted: { block: number; words: number } | undefined, signal: AbortSignal): Promise<CodebookFacts | undefined>;
  blocks(codebook: number, request: BlockRequest): Promise<BlockPage | undefined>;
  /** Another layer is selected, or none. */
  selected(layer: string | undefined): Promise<void>;
  /** `text` goes with "copy-name". */
  act(action: PageAction, text?: string): Promise<void>;
}

/** A running job on this model, as the page's foot shows it. */
export interface JobState extends Progress { title: string }

/** The page's side. */
export interface PageApi extends AccuracyPageApi {
  /** The file is another one now: read it again, keep the selection. */
  changed(): Promise<void>;
  trusted(): Promise<void>;
  find(): Promise<void>;
  /** Selects a layer in all views. */
  select(layer: string): Promise<void>;
  /** Undefined once nothing runs. */
  job(state: JobState | undefined): Promise<void>;
}
