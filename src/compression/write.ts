import { ModelEdit, type TensorData } from "../onnx/edit";
import type { Layer } from "../onnx/layers";
import { editedModel } from "../onnx/memory";
import type { Model } from "../onnx/model";
import { rawBytes } from "../onnx/tensor";
import type { CompressRequest } from "../protocol/api";
import { methodById } from "../methods/registry";
import { WeightPacker, type PackedBytes, type PackedForm, type PackedLayout, type PoolCounts } from "../methods/packer";
import { zeroBytes } from "../methods/zeros";
import type { OwnVector } from "./follow";
import { writeBiases, type Biases } from "./lean/biases";
import { floatTensor, plainWeight, type FittedLayer, type LayerChoice } from "./fit";

export const VERSION = "1";

/** How compressed weights stand in the file. */
export interface WeightForm { layout?: PackedLayout; form?: PackedForm; biases?: Biases }

/** The form that a request asks for. */
export const weightForm = ({ layout, inference }: Pick<CompressRequest, "layout" | "inference">, biases?: Biases): WeightForm => ({ layout, form: inference === "integer" ? "integers" : "floats", biases });

/** An edit in the making: layer after layer is put into it. Without the counts of a blank one it is blank itself: of the right size, and not to be written. */
class Assembly {
  readonly edit: ModelEdit;
  private readonly packer: WeightPacker;
  private readonly biases: Map<string, OwnVector>;

  constructor(private readonly model: Model, private readonly form: WeightForm, private readonly counts?: PoolCounts) {
    this.edit = new ModelEdit(model);
    this.packer = new WeightPacker(this.edit, form.layout, counts, form.form);
    this.biases = new Map(form.biases);
  }

  add({ layer, packed, absorbed }: Pick<FittedLayer, "layer" | "packed" | "absorbed">): void {
    const { edit, packer } = this, method = methodById(packed.method);
    if (this.form.layout === "dense") edit.replaceInitializer(layer.graph, layer.weight, this.counts ? plainWeight(layer, method.restore(packed)) : blankWeight(layer));
    else method.apply(packed, layer, packer);
    this.replace(absorbed);
  }

  replace(vectors: readonly OwnVector[]): void {
    for (const vector of vectors) {
      if (this.biases.has(vector.name)) this.biases.set(vector.name, vector);
      else this.edit.replaceInitializer(this.model.graph, vector.name, floatTensor(vector));
    }
  }

  finish(recipe: string): PackedBytes {
    const bytes = this.packer.flush();
    writeBiases(this.edit, this.biases);
    this.edit.setMetadata("kernelscope.recipe", recipe);
    this.edit.setMetadata("kernelscope.version", VERSION);
    return bytes;
  }
}

/** What a plan takes in the file; `written` is that file with blank codes. */
export interface PlannedSizes { packed: PackedBytes; fileBytes(): number; written(): Promise<Model> }

/** What a plan would take in the file. */
export function sizesOf(model: Model, blanks: readonly Pick<FittedLayer, "layer" | "packed">[], recipe: string, form: WeightForm = {}): PlannedSizes {
  const assembly = new Assembly(model, form);
  for (const blank of blanks) assembly.add({ ...blank, absorbed: [] });
  const packed = assembly.finish(recipe);
  return { packed, fileBytes: () => assembly.edit.size(), written: () => editedModel(assembly.edit) };
}

/** The edit that puts fitted layers, and new values of other constants, into a model; one after the other is loaded, so that their codes are not all in memory at once. */
export async function assemble(model: Model, choices: readonly LayerChoice[], load: (choice: LayerChoice) => Promise<FittedLayer>, vectors: readonly OwnVector[], recipe: string, form: WeightForm = {}): Promise<ModelEdit> {
  const blanks = choices.map(({ layer, method, options }) => ({ layer, packed: methodById(method).blank(layer, options, false) }));
  const assembly = new Assembly(model, form, sizesOf(model, blanks, recipe, form).packed.counts);
  for (const choice of choices) assembly.add(await load(choice));
  assembly.replace(vectors);
  assembly.finish(recipe);
  return assembly.edit;
}

/** The edit that puts trained floats into a model. */
export function withFloats(model: Model, weights: ReadonlyMap<Layer, Float32Array>, vectors: readonly OwnVector[]): ModelEdit {
  const edit = new ModelEdit(model);
  for (const [{ graph, weight, dims, type }, values] of weights) edit.replaceInitializer(graph, weight, floatTensor({ name: weight, dims, type, values }));
  for (const vector of vectors) edit.replaceInitializer(model.graph, vector.name, floatTensor(vector));
  return edit;
}

const blankWeight = ({ weight, dims, type, parameters }: Layer): TensorData => ({ name: weight, dims, type, raw: zeroBytes(rawBytes(type, parameters)) });

/** Layers that a recipe's key names: by identity, or by a label that only one has. */
export function findByName(layers: readonly Layer[], name: string): Layer | undefined {
  const exact = layers.find(({ id }) => id === name);
  if (exact) return exact;
  const labelled = layers.filter(({ label }) => label === name);
  return labelled.length === 1 ? labelled[0] : undefined;
}
