import type { TraceMode } from "../../operator";
import { plain } from "./plain";
import { linesOf, separable } from "./separable";
import type { ConvolutionShape, Formulation } from "./shape";
import { unfolded } from "./unfolded";

/** Up to here copies of the input under each tap cost less than transforming it. */
const FEW_CHANNELS = 4;

/** The fastest way to train a layer. */
export function chooseFormulation(layer: ConvolutionShape, layout: TraceMode["layout"], wantsInput: boolean): Formulation {
  if (layout === "plain" || layer.groups > 1 || layer.kernel.length !== 2) return plain;
  if (layer.input[1] <= FEW_CHANNELS && !wantsInput) return unfolded;
  return linesOf(layer) ? separable : plain;
}
