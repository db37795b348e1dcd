import type { Attributes } from "./operator";

/** How a window moves over a feature map; one number for each spatial axis, of `pads` two: all before, then all behind. */
export interface Window { kernel: number[]; strides: number[]; dilations: number[]; pads: number[] }

/** The window of a convolution or a pool, its padding worked out. */
export function windowOf(node: Attributes, size: readonly number[], kernel: readonly number[]): Window {
  const fill = (name: string) => node.ints(name) ?? size.map(() => 1), strides = fill("strides"), dilations = fill("dilations"), auto = node.text("auto_pad", "NOTSET");
  const given = { kernel: [...kernel], strides, dilations };
  if (auto === "VALID") return { ...given, pads: [...size, ...size].map(() => 0) };
  if (!auto.startsWith("SAME")) return { ...given, pads: node.ints("pads") ?? [...size, ...size].map(() => 0) };
  const whole = size.map((length, i) => Math.max(0, (Math.ceil(length / strides[i]) - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - length));
  const before = whole.map((pad) => (auto === "SAME_UPPER" ? Math.floor(pad / 2) : Math.ceil(pad / 2)));
  return { ...given, pads: [...before, ...whole.map((pad, i) => pad - before[i])] };
}
