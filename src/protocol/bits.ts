/** Bits a weight as views and pages show them. */

/** What is known of a layer's bytes; `method` is absent where none has compressed it, `originalShape` where no channels were taken away. */
export interface Stored { bytes: number; parameters: number; bitsPerWeight: number; method?: string; originalShape?: readonly number[] }

/** Weights that a layer had in the original: what bits are divided by. */
export const weightsOf = ({ parameters, originalShape }: Pick<Stored, "parameters" | "originalShape">): number => originalShape?.reduce((a, b) => a * b, 1) ?? parameters;

/** Weights that several layers had in the original, where channels were taken away from some. */
export const originalWeightsOf = (layers: readonly Pick<Stored, "parameters" | "originalShape">[]): number | undefined => (layers.some(({ originalShape }) => originalShape) ? layers.reduce((sum, layer) => sum + weightsOf(layer), 0) : undefined);

/** Of all bytes that a weight takes in its file. A weight that lies there plainly is as wide as its type: what its name and shape take beside it would make small ones look wider than others. */
export const storedBits = ({ bitsPerWeight, method }: Pick<Stored, "bitsPerWeight" | "method">, typeBits: number): number =>
  (method === undefined && typeBits > 0 ? Math.min(bitsPerWeight, typeBits) : bitsPerWeight);

/** Of several layers: where nothing is compressed the mean of their widths, else of all their bytes. */
export function bitsOfAll(layers: readonly Stored[]): number | undefined {
  const parameters = layers.reduce((sum, layer) => sum + weightsOf(layer), 0), isPlain = layers.every(({ method }) => method === undefined);
  return parameters ? layers.reduce((sum, layer) => sum + (isPlain ? layer.bitsPerWeight * weightsOf(layer) : 8 * layer.bytes), 0) / parameters : undefined;
}
