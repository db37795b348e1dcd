// Hot loops on raw memory. Lanes never mix across results and relaxed SIMD is not used, so every machine computes the same bits.

// @ts-nocheck: AssemblyScript.

export { nearest, gather } from "./nearest.as";
export { cholesky, solve } from "./matrix.as";
export { feedback } from "./feedback.as";
export { widen, products16, depthwise, scaleInteger, requantize } from "./integers.as";
export { spans, count } from "./spans.as";
