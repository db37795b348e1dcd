import type { Device, PresetId } from "./api";
import type { JobState } from "./page";
import type { PlanFacts } from "./plan";
import type { Pruning } from "./pruning";
import type { IntegerReport } from "./report";
import type { RecipeTuning } from "./tuning";

/** What a recipe's page and the extension host say to each other. The text document is the only truth: the page asks for changes of it and shows what it says. */

/** A recipe's fields as its text has them, paths as they are written. */
export interface RecipeView {
  /** Absent where the recipe names no model and none lies beside it. */
  model?: { name: string; file: string };
  preset?: PresetId;
  target?: string;
  bits?: number;
  data?: { folder?: string; evalFolder?: string; limit?: number };
  preprocess?: Record<string, unknown>;
  tune?: RecipeTuning;
  prune?: Pruning;
  inference?: "float" | "integer";
  integers?: Record<string, unknown>;
  device?: Device;
  /** What the user's settings say, for a recipe that names no device. */
  deviceSetting?: Device;
  seed?: number;
  layers: Record<string, LayerSetting>;
}

/** What layers are rated for, as a key: where it changes, nothing that was planned counts. */
export const ratedFor = (view: RecipeView | undefined): string => JSON.stringify([view?.model, view?.data, view?.preprocess, view?.seed, view?.inference, view?.prune]);

export interface LayerSetting { method?: string; options?: Record<string, unknown>; pin?: "leave" | "exact" | { atLeastBits: number }; inference?: "float" }

/** Why a text is no recipe, or none for this model, and where: on which line, in which of its fields. */
export interface RecipeProblem { text: string; line?: number; field?: string }

/** What a result was that the recipe shown is not. */
export type PointTrait = "floats" | "integers" | "trained" | "untrained" | "training" | "channels" | "layers" | "images" | "settings" | "model" | "unknown";

/**
 * A file that was made from this model with images: a point beside the predicted curve. `bits`: per convolution weight, or per weight where there is no convolution, of a file that was written. `beforeTuning`: without the training that its recipe asks for. `pruned`: share of the compute that was taken away.
 * `ended`: its training was, at a step of so many, which the recipe does not do by itself; `isOwn`: made of just the recipe shown; `traits`: of one that cannot be compared with it.
 */
export interface MeasuredPoint { bytes: number; bits?: number; agreement: number; interval: [number, number]; samples: number; beforeTuning?: boolean; pruned?: number; ended?: { step: number; of: number }; isOwn: boolean; traits: PointTrait[] }

/** A file that was made from this model, and what gzip leaves of it; `isOwn` of just the recipe shown. */
export interface WrittenSize { bytes: number; gzipBytes: number; isOwn: boolean }

export type Planning =
  | { state: "none" }
  /** Layers are being rated. */
  | { state: "busy"; text: string; fraction: number; secondsLeft?: number; /** What is known to be wrong with what the recipe asks for. */ warning?: string }
  | { state: "ready"; facts: PlanFacts }
  /** `isOfData`: other images, or another preparation, would help. `isOfModel`: another model, or another recipe, would, and nothing else. */
  | { state: "failed"; text: string; isOfData: boolean; isOfModel: boolean; /** What the recipe would have to say of the images' channels, where that is all that is the matter. */ channels?: "gray" | "rgb" }
  /** Rating on images was cancelled. */
  | { state: "cancelled" };

/** What layers cost as integers: while it is measured, and as it was measured last. */
export interface DiagnosisState {
  running?: { text: string; fraction: number; secondsLeft?: number };
  /** `isEarlier`: of a recipe that says something else than the one shown. */
  found?: Pick<IntegerReport, "layers" | "floor" | "left" | "warnings" | "agreement" | "samples" | "loss"> & { isEarlier: boolean };
  error?: string;
  isCancelled?: boolean;
}

/** A change of the text: a value at a path of names, or nothing there any more; `instead` names neighbours that it takes the place of. */
export interface RecipeChange { path: string[]; value?: unknown; instead?: string[] }

export const recipeActions = ["compress", "measure", "cancel-job", "finish-tuning", "resume-job", "discard-job", "cancel-planning", "diagnose", "cancel-diagnosis", "plan", "choose-data", "choose-model", "show-text", "show-log", "manage-trust", "open-model", "open-result", "compare"] as const;
export type RecipeAction = (typeof recipeActions)[number];

/** The host's side. */
export interface RecipeHostApi {
  /** The page is there and wants to know all. */
  ready(): Promise<void>;
  /** One step of undo; whether the text is another one now. */
  change(changes: RecipeChange[]): Promise<boolean>;
  selected(layer: string | undefined): Promise<void>;
  act(action: RecipeAction): Promise<void>;
}

/** The page's side. */
export interface RecipePageApi {
  /** With a problem, what was good last stays in sight. */
  recipe(view: RecipeView | undefined, problem: RecipeProblem | undefined): Promise<void>;
  planning(planning: Planning): Promise<void>;
  /** How much has been done of the whole plans that are tried so that predictions learn from them; undefined once none is. */
  trying(share: number | undefined): Promise<void>;
  measured(points: MeasuredPoint[], written: WrittenSize[]): Promise<void>;
  job(state: JobState | undefined): Promise<void>;
  diagnosis(state: DiagnosisState): Promise<void>;
  select(layer: string): Promise<void>;
  trusted(): Promise<void>;
  /** Runs the primary action, as its key does. */
  compress(): Promise<void>;
}
