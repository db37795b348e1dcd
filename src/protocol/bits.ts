/** Bits a weight as views and pages show them. */

/** What is known of a layer's bytes; `method` is absent where none has compressed it. */
export interface Stored { bytes: number; parameters: number; bitsPerWeight: number; method?: string }

/** Of all bytes that a weight takes in its file. A weight that lies there plainly is as wide as its type: what its name and shape take beside it would make small ones look wider than others. */
export const storedBits = ({ bitsPerWeight, method }: Pick<Stored, "bitsPerWeight" | "method">, typeBits: number): number =>
  (method === undefined && typeBits > 0 ? Math.min(bitsPerWeight, typeBits) : bitsPerWeight);

/** Of several layers: where nothing is compressed the mean of their widths, else of all their bytes. */
export function bitsOfAll(layers: readonly Stored[]): number | undefined {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0), isPlain = layers.every(({ method }) => method === undefined);
  return parameters ? layers.reduce((sum, { bytes, bitsPerWeight, parameters: own }) => sum + (isPlain ? bitsPerWeight * own : 8 * bytes), 0) / parameters : undefined;
}
