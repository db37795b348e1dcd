import type { Chain } from "../onnx/chain";
import { evaluateConstant, type ConstantCache } from "../onnx/constants";
import type { Layer } from "../onnx/layers";
import { intAttribute, intsAttribute, type Model, type Node } from "../onnx/model";
import { countOf } from "../training/graph";
import { inputsOf, outputsOf } from "./rows";
import { denseRows } from "./wavelet-dense";
import { tensorDims, type WaveletValues } from "./wavelet-model";
import { PERMUTATION } from "./wavelet-permutation";
import { WaveletOptions, waveletShape, type WaveletShape } from "./wavelet-shape";

/** A wavelet layer as a file holds it; its diagonals are read when they are asked for. */
export interface StoredWavelet { shape: WaveletShape; levels: number; summed: number; filters: Float32Array; values(): Promise<WaveletValues | undefined> }

/** Reads what computes a layer; undefined where that is no transform of a form that is known here. */
export async function storedWavelet(model: Model, layer: Layer, cache?: ConstantCache): Promise<StoredWavelet | undefined> {
  const { chain } = layer;
  if (!chain) return undefined;
  const read = async (name: string) => { const value = await evaluateConstant(model, layer.graph, name, cache); return value?.data instanceof Float32Array ? { dims: value.dims, data: value.data } : undefined; };
  const filters = await read(chain.filters), between = await read(chain.between), levels = await waveletLevels(model, chain, cache);
  if (!filters || !between || levels === undefined) return undefined;
  const options = WaveletOptions.safeParse({ length: filters.dims[1], levels, summed: chain.afterDims[0] }), shape = options.success ? waveletShape(inputsOf(layer), outputsOf(layer), options.data) : undefined;
  if (!options.data || !shape || countOf(between.dims) !== countOf(tensorDims(shape).between)) return undefined;
  return {
    shape, levels, summed: options.data.summed, filters: filters.data,
    async values() {
      const before = await read(chain.before), after = await read(chain.after);
      return before && after && { filters: filters.data, before: before.data, between: between.data, after: after.data };
    },
  };
}

/** The matrix [outputs, inputs] that a wavelet layer of a file stands for. */
export async function storedRows(model: Model, layer: Layer): Promise<Float32Array | undefined> {
  const stored = await storedWavelet(model, layer), values = await stored?.values();
  return stored && values && denseRows(stored.shape, values, PERMUTATION);
}

/** Levels of the transforms of a chain: what is split off first behind G is the approximation, 2^levels times shorter than all. Undefined where no such Split is there. */
async function waveletLevels(model: Model, { nodes, between }: Chain, cache?: ConstantCache): Promise<number | undefined> {
  const split = nodes.slice(nodes.findIndex(({ inputs }) => inputs.includes(between))).find(({ op }) => op === "Split"), lengths = split && await lengthsOf(model, split, cache);
  if (!split || !lengths || intAttribute(split, "axis", 0) !== 1) return undefined;
  const levels = Math.log2(lengths.reduce((a, b) => a + b, 0) / lengths[0]);
  return Number.isInteger(levels) ? levels : undefined;
}

async function lengthsOf(model: Model, split: Node, cache?: ConstantCache): Promise<number[] | undefined> {
  const attribute = intsAttribute(split, "split"), input = split.inputs[1] ? await evaluateConstant(model, split.graph, split.inputs[1], cache) : undefined;
  return attribute ?? (input && Array.from<number | bigint, number>(input.data, Number));
}
