import type { NodeSpec, TensorData } from "../../../src/onnx/encode";
import { Random } from "../../../src/numeric/random";
import { floats, modelBytes, value } from "./models";

export interface BlockOptions { /** Goes before all names. */ prefix?: string; /** Other weights. */ seed?: number; /** Channels inside blocks. */ inner?: number; /** Sides of kernels by layer. */ kernels?: Record<string, number>; normalized?: boolean }

/** Residual blocks of one shape in a row, between a stem and a head; a block's weights come from its name. Normalizations do nothing. */
export function blocks(names: readonly string[], { prefix = "", seed = 0, inner = 8, kernels = {}, normalized = false }: BlockOptions = {}): Uint8Array {
  const nodes: NodeSpec[] = [], initializers: TensorData[] = [], add = (op: string, inputs: string[], output: string, attributes?: NodeSpec["attributes"]): string => { nodes.push({ op, inputs, outputs: [prefix + output], name: `${prefix}${op}_${nodes.length}`, attributes }); return prefix + output; };
  const conv = (x: string, name: string, outputs: number, inputs: number): string => {
    const side = kernels[name] ?? 3, size = outputs * inputs * side * side, random = new Random([...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7 + seed));
    initializers.push(floats(prefix + name, [outputs, inputs, side, side], Array.from({ length: size }, () => (random.next() - 0.5) / inputs)));
    const y = add("Conv", [x, prefix + name], `${name}.y`, { pads: Array.from({ length: 4 }, () => (side - 1) / 2) });
    if (!normalized || name === "stem" || name === "head") return y;
    const parts = [1, 0, 0, 1].map((v, i) => { initializers.push(floats(`${prefix}${name}.${i}`, [outputs], new Array<number>(outputs).fill(v))); return `${prefix}${name}.${i}`; });
    return add("BatchNormalization", [y, ...parts], `${name}.n`);
  };
  let x = add("Relu", [conv(`${prefix}x`, "stem", 8, 3)], "stem.r");
  for (const name of names) {
    const first = add("Relu", [conv(x, `${name}1`, inner, 8)], `${name}1.r`);
    x = add("Relu", [add("Add", [conv(first, `${name}2`, 8, inner), x], `${name}.sum`)], `${name}.r`);
  }
  conv(add("GlobalAveragePool", [x], "pooled"), "head", 5, 8);
  return modelBytes({ nodes, initializers, inputs: [value(`${prefix}x`, ["N", 3, 8, 8])], outputs: [value(`${prefix}head.y`, ["N", 5, 1, 1])] });
}
