import type { TraceMode } from "../../operator";
import { plain } from "./plain";
import { linesOf, separable } from "./separable";
import type { ConvolutionShape, Formulation } from "./shape";

/** The fastest way to train a layer, by what it costs on a processor. */
export function chooseFormulation(layer: ConvolutionShape, layout: TraceMode["layout"]): Formulation {
  if (layout === "plain" || layer.groups > 1 || !linesOf(layer)) return plain;
  return separable;
}
