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
