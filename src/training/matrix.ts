/** Small constant matrices that a graph is made of. */

/** A dense matrix by rows. */
export interface Matrix { rows: number; columns: number; data: Float32Array }

export const matrix = (rows: number, columns: number): Matrix => ({ rows, columns, data: new Float32Array(rows * columns) });

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const result = matrix(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result.data[j * rows + i] = data[i * columns + j];
  return result;
}

/** a ⊗ b */
export function kronecker(a: Matrix, b: Matrix): Matrix {
  const result = matrix(a.rows * b.rows, a.columns * b.columns);
  for (let i = 0; i < result.rows; i++) for (let j = 0; j < result.columns; j++) {
    result.data[i * result.columns + j] = a.data[Math.floor(i / b.rows) * a.columns + Math.floor(j / b.columns)] * b.data[(i % b.rows) * b.columns + (j % b.columns)];
  }
  return result;
}

export const isIdentity = ({ rows, columns, data }: Matrix): boolean => rows === columns && data.every((value, i) => value === (i % (columns + 1) === 0 ? 1 : 0));

/** A matrix in bands of rows that each need some columns only. */
export interface Bands {
  bands: number;
  /** How many columns a band takes. */
  width: number;
  /** Which, band after band. */
  columns: number[];
  /** [bands, rows / bands, width] */
  data: Float32Array;
}

/** What it costs to copy a row, in products and sums of one. */
const COPY = 12;
/** Products of fewer rows take as long as of these. */
const LOWEST = 8;

/** The bands in which a product takes least time; undefined where it is best done as it is. */
export function bandsOf(matrix: Matrix): Bands | undefined {
  const { rows, columns, data } = matrix;
  let best: number[][] | undefined, least = rows * columns;
  for (let bands = 2; bands * LOWEST <= rows; bands++) {
    if (rows % bands) continue;
    const used = columnsOf(matrix, rows / bands), width = Math.max(...used.map(({ length }) => length)), cost = rows * width + COPY * bands * width;
    if (cost < least) [best, least] = [used, cost];
  }
  if (!best) return undefined;
  const bands = best.length, height = rows / bands, width = Math.max(...best.map(({ length }) => length)), stacked = new Float32Array(rows * width);
  best.forEach((used, band) => used.forEach((column, j) => {
    for (let i = 0; i < height; i++) stacked[(band * height + i) * width + j] = data[(band * height + i) * columns + column];
  }));
  // what fills a band up meets zeros
  return { bands, width, columns: best.flatMap((used) => [...used, ...new Array<number>(width - used.length).fill(0)]), data: stacked };
}

/** The columns with anything but zeros in each `height` rows. */
function columnsOf({ rows, columns, data }: Matrix, height: number): number[][] {
  return Array.from({ length: rows / height }, (_, band) => Array.from({ length: columns }, (_unused, column) => column).filter((column) => {
    for (let i = band * height; i < (band + 1) * height; i++) if (data[i * columns + column] !== 0) return true;
    return false;
  }));
}
