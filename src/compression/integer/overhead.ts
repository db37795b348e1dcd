import { methodById } from "../../methods/registry";
import { findLayers } from "../../onnx/layers";
import { editedModel } from "../../onnx/memory";
import type { Model } from "../../onnx/model";
import { peakActivations } from "../../onnx/peak";
import type { Runtime } from "../../runtime/runtime";
import { assemble } from "../write";
import { planIntegers, type IntegerChoices } from "./plan";
import { quantizeActivations } from "./quantize";
import { sourcesOf } from "./calibrate";

/** Names that grow by a digit, and the like. */
const SPARE = 64;

/** What integer activations of a model come to, whatever its weights become. */
export interface IntegerOverhead {
  /** What they add to the file: grids, biases of 32 bits, nodes and tables. */
  bytes: number;
  /** What of them is alive at once for one sample, where that is most; undefined where a shape is not known. */
  peakActivationBytes?: number;
}

/** Finds it out with weights that are none. */
export async function integerOverhead(model: Model, runtime: Runtime, wanted: IntegerChoices = {}): Promise<IntegerOverhead> {
  const method = methodById("integer"), options = { bits: 8 };
  const choices = findLayers(model).filter((layer) => layer.blocked === undefined && method.accepts(layer, options) === true).map((layer) => ({ layer, method: method.id, options }));
  const edit = await assemble(model, choices, async ({ layer }) => ({ layer, packed: method.blank(layer, options, false), absorbed: [], sqnrDb: 0 }), [], "", { form: "integers" });
  const packed = await editedModel(edit), plan = planIntegers(packed, wanted), ranges = new Map(sourcesOf(plan).map((name) => [name, { min: 0, max: 1 }]));
  const quantized = await quantizeActivations(packed, plan, ranges, runtime);
  return { bytes: quantized.size() - packed.source.size + SPARE, peakActivationBytes: peakActivations(await editedModel(quantized))?.bytes };
}
