import { methodById } from "../../methods/registry";
import { ModelEdit } from "../../onnx/edit";
import { findLayers, type Layer } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import type { Model } from "../../onnx/model";
import type { Trim } from "../../protocol/report";
import { hasFreeScale } from "../follow";
import { foldAffine } from "../passes/affine";
import { foldConstants } from "../passes/constants";
import { shortenNames } from "../passes/names";
import type { LayerSensitivity, RatedCandidate } from "../sensitivity";
import { biasesOf, writeBiases, type Biases } from "./biases";

/** A model without what inference can do without, and what that saves. Layers keep their identities. */
export interface LeanModel {
  model: Model;
  layers: Layer[];
  /** Those that are written in float16 in the end: until then they can be trained. */
  biases: Biases;
  trims: Trim[];
  /** What another limit may decide otherwise. */
  optional: OptionalTrim[];
}

/** What is done only where it saves more than a share, `worth`, of the limit. */
export interface OptionalTrim { savedBytes: number; worth: number; isDone: boolean }

interface Pass { what: Trim["what"]; run(edit: ModelEdit): Promise<unknown>; /** Whether constants are left behind. */ untidy?: boolean; /** Share of the limit that it has to save, to be worth what it costs. */ worth: number }

/** What does not change what a network computes, in the order in which one prepares the next. Without names a graph is harder to read. */
const PASSES: readonly Pass[] = [
  { what: "constants", run: foldConstants, worth: 0 },
  { what: "normalizations", run: (edit) => foldAffine(edit, findLayers(edit.model)), untidy: true, worth: 0 },
  { what: "names", run: shortenNames, worth: 0.01 },
];
/** Share of the limit that biases of 16 bits have to save. */
const BIASES_WORTH = 0.001;

/**
 * Makes what stands beside the weights small: sizes and pads that nodes compute become constants, batch normalizations go into the layers before, names get short,
 * biases have 16 bits. What does not make the file smaller is not done.
 * @param limit bytes that the file may have
 */
export async function leanModel(original: Model, limit: number): Promise<LeanModel> {
  const trims: Trim[] = [], optional: OptionalTrim[] = [];
  let model = original, bytes = new ModelEdit(original).size();
  for (const { what, run, untidy, worth } of PASSES) {
    let edit = new ModelEdit(model);
    await run(edit);
    if (untidy) {
      edit = new ModelEdit(await editedModel(edit));
      await foldConstants(edit);
    }
    const savedBytes = bytes - edit.size(), isDone = savedBytes > worth * limit;
    if (worth > 0) optional.push({ savedBytes, worth, isDone });
    if (!isDone) continue;
    trims.push({ what, savedBytes });
    model = await editedModel(edit);
    bytes -= savedBytes;
  }
  const biases = await biasesOf(model), edit = new ModelEdit(model);
  writeBiases(edit, biases);
  const savedBytes = bytes - edit.size(), areHalves = savedBytes > BIASES_WORTH * limit;
  optional.push({ savedBytes, worth: BIASES_WORTH, isDone: areHalves });
  if (areHalves) trims.push({ what: "biases", savedBytes });
  return { model, layers: findLayers(model), biases: areHalves ? biases : new Map(), trims, optional };
}

/** What a file of so many bytes takes where they are its own limit, and the lean form was made for another. */
export const underOwnLimit = (bytes: number, optional: readonly OptionalTrim[]): number => optional.reduce((size, { savedBytes, worth, isDone }) => {
  const trimmed = isDone ? size : size - savedBytes;
  return savedBytes > worth * trimmed ? trimmed : trimmed + savedBytes;
}, bytes);

/** What a file of so many bytes takes under another limit than that which the lean form was made for. */
export const underLimit = (bytes: number, limit: number, optional: readonly OptionalTrim[]): number =>
  optional.reduce((size, { savedBytes, worth, isDone }) => size + (isDone ? savedBytes : 0) - (savedBytes > worth * limit ? savedBytes : 0), bytes);

/** Ratings of a model's layers as those of its lean form: the losses are the same, but scales that went into a normalization need bytes of their own. */
export async function leanRatings(ratings: readonly LayerSensitivity[], original: Model, lean: LeanModel): Promise<LayerSensitivity[]> {
  const byId = new Map(lean.layers.map((layer) => [layer.id, layer])), found: LayerSensitivity[] = [];
  for (const rating of ratings) {
    const layer = byId.get(rating.layer.id);
    if (!layer) continue;
    const before = await hasFreeScale(original, rating.layer), now = await hasFreeScale(lean.model, layer);
    const inLean = (candidate: RatedCandidate): RatedCandidate => {
      const { method, options } = candidate, more = before === now ? 0 : methodById(method).bytes(layer, options, now) - methodById(method).bytes(layer, options, before), bytes = candidate.bytes + more;
      return { ...candidate, layer, bytes, bits: 8 * bytes / layer.parameters };
    };
    found.push({ ...rating, layer, candidates: rating.candidates.map(inLean), ...(rating.shared && { shared: rating.shared.map(inLean) }) });
  }
  return found;
}
