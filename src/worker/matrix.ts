import type { ComparedMatrix } from "../protocol/compare";

/** Cells of a picture, at the most: as many as a pane has pixels for. */
const MOST_ROWS = 160, MOST_COLUMNS = 256;

/** Two weights [outputs, inputs] and their difference as pictures of one size: each weight by itself where there are few, the mean size of those in a cell where there are many. */
export function matricesOf(before: Float32Array, after: Float32Array, outputs: number, inputs: number): ComparedMatrix {
  const span: [number, number] = [Math.ceil(outputs / MOST_ROWS), Math.ceil(inputs / MOST_COLUMNS)], rows = Math.ceil(outputs / span[0]), columns = Math.ceil(inputs / span[1]);
  const difference = before.map((v, i) => after[i] - v), isWhole = span[0] * span[1] === 1;
  const cells = (values: Float32Array): Float32Array => (isWhole ? values.slice() : meanSizes(values, outputs, inputs, span));
  return { rows, columns, span, outputs, inputs, before: cells(before), after: cells(after), difference: cells(difference) };
}

/** Mean |w| of the weights in each cell of so many outputs and inputs; the last ones may have fewer. */
function meanSizes(values: Float32Array, outputs: number, inputs: number, [down, across]: [number, number]): Float32Array {
  const rows = Math.ceil(outputs / down), columns = Math.ceil(inputs / across), sums = new Float64Array(rows * columns);
  for (let m = 0; m < outputs; m++) for (let c = 0; c < inputs; c++) sums[Math.floor(m / down) * columns + Math.floor(c / across)] += Math.abs(values[m * inputs + c]);
  return Float32Array.from(sums, (sum, i) => {
    const row = Math.floor(i / columns), column = i % columns;
    return sum / (Math.min(down, outputs - row * down) * Math.min(across, inputs - column * across));
  });
}
