import * as z from "zod/mini";
import { bitsFor, packedBytes } from "../numeric/bits";
import type { Layer } from "../onnx/layers";
import type { ChoiceTrait, CodeBytes } from "../protocol/plan";
import { nodeBytes } from "./packer";
import { kernelSize } from "./rows";
import { zeroBytes } from "./zeros";

/** What the methods that put codewords in place of blocks have in common. */

export interface CodebookOptions {
  /** Weights in one codeword. */
  block: number;
  /** Codewords K. */
  words: number;
  /** Bits of a codebook value. */
  valueBits: number;
  /** Layers that name the same book have one codebook in common. */
  book?: string;
}

/** The same as a schema. @param longest weights in a codeword at most @param bits of a codebook value where nothing else is said */
export const codebookShape = (longest: number, bits: number) => ({
  block: z.int().check(z.minimum(1), z.maximum(longest)),
  words: z.int().check(z.minimum(2), z.maximum(65536)),
  valueBits: z._default(z.int().check(z.minimum(2), z.maximum(8)), bits),
  /** Layers that name the same book have one codebook in common. */
  book: z.optional(z.string().check(z.minLength(1), z.maxLength(40))),
});

/** Whether a method's options are those of a codebook. */
export const isCodebook = (options: object): options is CodebookOptions & { scale?: unknown } =>
  "block" in options && typeof options.block === "number" && "words" in options && typeof options.words === "number" && "valueBits" in options && typeof options.valueBits === "number";

/** A weight as codewords and one of them for each block. */
export interface CodebookCodes {
  /** [words, block], see numeric/grid. */
  codes: Uint8Array;
  /** [outputs, inputs / block] */
  index: WordIndex;
}

/** One codeword for each block, in as few bytes as whole bytes can be. */
export type WordIndex = Uint8Array | Uint16Array;
const wordBytes = (words: number): number => (words <= 256 ? 1 : 2);
export const wordIndex = (words: number, blocks: number): WordIndex => (words <= 256 ? new Uint8Array(blocks) : new Uint16Array(blocks));

/** Numbers of codewords that are offered. */
export const WORDS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Indices in as few bytes as the words take. */
export function compactIndex(words: number, index: Int32Array | WordIndex): WordIndex {
  if (!(index instanceof Int32Array)) return index;
  const compact = wordIndex(words, index.length);
  compact.set(index);
  return compact;
}

/** Codes and indices that take the bytes of real ones, and no memory. */
export function blankCodes({ parameters }: Layer, { block, words }: CodebookOptions): CodebookCodes {
  const count = parameters / block, zeros = zeroBytes(count * wordBytes(words));
  return { codes: zeroBytes(words * block), index: words <= 256 ? zeros : new Uint16Array(zeros.buffer, 0, count) };
}

/** Bytes of codes; a codebook that others have too is none of a layer's own. */
export const codebookParts = ({ parameters }: Layer, options: CodebookOptions): CodeBytes =>
  ({ indices: packedBytes(parameters / options.block, bitsFor(options.words)), codebook: options.book === undefined ? bookBytes(options) : 0, values: 0 });

/** Bytes of a codebook's values. */
export const bookBytes = ({ block, words, valueBits }: CodebookOptions): number => packedBytes(words * block, valueBits);

/** Bytes of codes and of the nodes that every codebook needs. */
export function codebookBytes(layer: Layer, options: CodebookOptions): number {
  const { indices, codebook } = codebookParts(layer, options);
  return indices + codebook + nodeBytes("Gather", 2) + (options.book === undefined ? 2 : 1) * nodeBytes("Reshape", 2) + (layer.outputAxis === 1 ? nodeBytes("Transpose", 1, { perm: [1, 0] }) : 0) + 2 * 8;
}

/** "3×3", "2×3×3" or "1×4" */
export function blockName(layer: Layer, block: number): string {
  const size = kernelSize(layer), kernel = layer.dims.slice(2).join("×");
  return size === 1 || block % size ? `1×${block}` : block === size ? kernel : `${block / size}×${kernel}`;
}

export const codebookTraits = (layer: Layer, { block, words, book }: CodebookOptions): ChoiceTrait[] =>
  [block === 1 ? { kind: "single" } : { kind: "block", shape: blockName(layer, block) }, { kind: "codewords", count: words }, ...book === undefined ? [] : [{ kind: "shared" as const }]];

/** Codewords [words, d] put in place of their indices, times the scale of their row where there is one. */
export function expand(codebook: Float32Array, index: Int32Array | WordIndex, d: number, scale?: Float32Array): Float32Array {
  const rows = new Float32Array(index.length * d), blocks = scale ? index.length / scale.length : 0;
  for (let i = 0; i < index.length; i++) {
    const factor = scale ? scale[Math.floor(i / blocks)] : 1;
    for (let j = 0; j < d; j++) rows[i * d + j] = codebook[index[i] * d + j] * factor;
  }
  return rows;
}
