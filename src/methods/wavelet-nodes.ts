import type { LevelGroup } from "../numeric/fast-wavelet";
import type { NodeSink } from "./packer";
import { transformsOf, type WaveletShape } from "./wavelet-shape";
import { PRIME, type PermutationSeed } from "./wavelet-permutation";

/** Names of a layer's tensors, float32. */
export interface WaveletTensors {
  /** [4, length] */
  filters: string;
  /** B [transforms, inputs] */
  before: string;
  /** G [transforms, size] */
  between: string;
  /** S [summed, outputs] */
  after: string;
  permutation: PermutationSeed;
}

const END = 2 ** 31 - 1;

/**
 * The stock nodes of y = Σ S·W⁻¹·G·Π·W·B·x (Wolter, Lin, Yao: arXiv 2004.09569, eq. 7) for x of any shape [..., inputs]. Some levels of a transform at a time are one product of
 * matrices: each block of the signal, and the next one, with a small matrix that runtimes compute from the filters while they load. Nothing of size inputs × outputs ever exists.
 * @param isFlat whether x is [samples, inputs]
 * @returns the layer's output
 */
export function waveletNodes(sink: NodeSink, shape: WaveletShape, tensors: WaveletTensors, x: string, isFlat: boolean): string {
  const { inputs, outputs, size, summed, stacked } = shape, transforms = transformsOf(shape), matrices = new Matrices(sink, tensors.filters, shape.length);
  let signal = sink.node("Mul", [sink.node("Reshape", [x, sink.ints([-1, 1, inputs])]), tensors.before]);
  if (size > inputs) signal = sink.node("Pad", [signal, sink.ints([0, 0, 0, 0, 0, size - inputs])]);
  const coefficients = sink.node("Reshape", [analysis(sink, shape, matrices, signal), sink.ints([-1, transforms * size])]);
  const mixed = sink.node("Mul", [sink.node("Gather", [coefficients, permutationNodes(sink, shape, tensors.permutation)], { axis: 1 }), tensors.between]);
  let result = sink.node("Reshape", [synthesis(sink, shape, matrices, mixed), sink.ints([-1, summed, stacked * size])]);
  if (stacked * size > outputs) result = sink.node("Slice", [result, sink.ints([0]), sink.ints([outputs]), sink.ints([2])]);
  result = sink.node("Mul", [result, tensors.after]);
  const flat = summed === 1 ? sink.node("Reshape", [result, sink.ints([-1, outputs])]) : sink.opset >= 13 ? sink.node("ReduceSum", [result, sink.ints([1])], { keepdims: 0 }) : sink.node("ReduceSum", [result], { axes: [1], keepdims: 0 });
  if (isFlat) return flat;
  const leading = sink.node("Slice", [sink.node("Shape", [x]), sink.ints([0]), sink.ints([-1])]);
  return sink.node("Reshape", [flat, sink.node("Concat", [leading, sink.ints([outputs])], { axis: 0 })]);
}

/** The coefficients of signals [..., size], as [rows, size]. */
function analysis(sink: NodeSink, { groups }: WaveletShape, matrices: Matrices, signal: string): string {
  const details: string[] = [];
  let low = signal;
  for (const group of groups) {
    const { size, block, levels } = group, blocks = size / block, own = block >> levels, cut = sink.node("Reshape", [low, sink.ints([-1, blocks, block])]);
    const parts = split(sink, sink.node("MatMul", [windows(sink, group, cut, "next"), matrices.of(group).analysis]), [own, block - own], 2);
    low = parts[0];
    details.unshift(sink.node("Reshape", [parts[1], sink.ints([-1, size - (size >> levels)])]));
  }
  const { size, levels } = groups[groups.length - 1];
  return sink.node("Concat", [sink.node("Reshape", [low, sink.ints([-1, size >> levels])]), ...details], { axis: 1 });
}

/** The signals of coefficients [..., size]. */
function synthesis(sink: NodeSink, { size, groups }: WaveletShape, matrices: Matrices, coefficients: string): string {
  const last = groups[groups.length - 1], backwards = [...groups].reverse();
  const [first, ...details] = split(sink, sink.node("Reshape", [coefficients, sink.ints([-1, size])]), [last.size >> last.levels, ...backwards.map((group) => group.size - (group.size >> group.levels))], 1);
  return backwards.reduce((low, group, i) => {
    const { size, block, levels } = group, blocks = size / block, own = block >> levels;
    const parts = [low, details[i]].map((part, which) => sink.node("Reshape", [part, sink.ints([-1, blocks, which ? block - own : own])]));
    return sink.node("MatMul", [windows(sink, group, sink.node("Concat", parts, { axis: 2 }), "previous"), matrices.of(group).synthesis]);
  }, first);
}

/** Each block with its neighbour behind it, around the end: [rows, blocks, 2·block]. */
function windows(sink: NodeSink, { size, block, overlap }: LevelGroup, blocks: string, neighbour: "next" | "previous"): string {
  if (!overlap) return blocks;
  const count = size / block;
  let moved = blocks;
  if (count > 1) {
    const [first, second] = split(sink, blocks, neighbour === "next" ? [1, count - 1] : [count - 1, 1], 1);
    moved = sink.node("Concat", [second, first], { axis: 1 });
  }
  return sink.node("Concat", [blocks, moved], { axis: 2 });
}

function split(sink: NodeSink, value: string, lengths: number[], axis: number): string[] {
  const outputs = lengths.map(() => sink.fresh());
  if (sink.opset >= 13) sink.node("Split", [value, sink.ints(lengths)], { axis }, outputs);
  else sink.node("Split", [value], { axis, split: lengths }, outputs);
  return outputs;
}

/** Matrices of groups of levels, computed from the filters: what they make of unit signals. */
class Matrices {
  private readonly known = new Map<string, { analysis: string; synthesis: string }>();
  /** The filters for Conv, [4, 1, length]. */
  private kernels: string | undefined;

  constructor(private readonly sink: NodeSink, private readonly filters: string, private readonly length: number) {}

  /** Both [block, block], or [2·block, block] where filters reach over into the next block. */
  of({ levels, block, overlap }: LevelGroup): { analysis: string; synthesis: string } {
    const key = `${levels},${block}`, known = this.known.get(key) ?? this.make(levels, block, overlap);
    this.known.set(key, known);
    return known;
  }

  private make(levels: number, block: number, overlap: number): { analysis: string; synthesis: string } {
    const { sink } = this, rows = overlap ? 2 * block : block;
    this.kernels ??= sink.node("Reshape", [this.filters, sink.ints([4, 1, this.length])]);
    const units = sink.node("EyeLike", [sink.node("ConstantOfShape", [sink.ints([rows, block + overlap])])]);
    let low = sink.node("Reshape", [units, sink.ints([rows, 1, block + overlap])]);
    const details: string[] = [];
    for (let level = 1; level <= levels; level++) {
      // channels h0, h1, f0, f1; from the second level on the first two see what h0 has left, the others what f0 has
      const all = sink.node("Conv", [low, this.kernels], { strides: [2], ...(level > 1 && { group: 2 }) });
      low = sink.node("Slice", [all, sink.ints([0]), sink.ints([END]), sink.ints([1]), sink.ints([2])]);
      details.unshift(sink.node("Slice", [all, sink.ints([1, 0]), sink.ints([END, block >> level]), sink.ints([1, 2]), sink.ints([2, 1])]));
    }
    const [own, other] = split(sink, sink.node("Concat", [low, ...details], { axis: 2 }), [1, 1], 1), blocks = rows / block;
    const turned = sink.node("Transpose", [sink.node("Reshape", [other, sink.ints([blocks, block, block])])], { perm: [0, 2, 1] });
    return { analysis: sink.node("Reshape", [own, sink.ints([rows, block])]), synthesis: sink.node("Reshape", [turned, sink.ints([rows, block])]) };
  }
}

/** Places [transforms, size] in the coefficients of all transforms: the order of the keys, see {@link permutationOf}. */
function permutationNodes(sink: NodeSink, shape: WaveletShape, { factor, start }: PermutationSeed): string {
  const { size } = shape, transforms = transformsOf(shape), prime = sink.int(PRIME), step = sink.int(1);
  const places = sink.node("Range", [sink.int(start), sink.int(start + transforms * size), step]);
  const squares = sink.node("Mod", [sink.node("Mul", [places, places]), prime]), keys = sink.node("Mod", [sink.node("Mul", [squares, sink.int(factor)]), prime]);
  const order = [sink.fresh(), sink.fresh()];
  sink.node("TopK", [sink.node("Reshape", [keys, sink.ints([transforms, size])]), sink.ints([size])], {}, order);
  if (transforms === 1) return order[1];
  const starts = sink.node("Range", [sink.int(0), sink.int(transforms * size), sink.int(size)]);
  return sink.node("Add", [order[1], sink.node("Reshape", [starts, sink.ints([transforms, 1])])]);
}
