import { factor, feedback, solveRows, type Factor } from "./factor";
import { assign, kMeans, type ClusterOptions } from "./kmeans";

/** Pieces of heavy work that any thread can do: pure functions of plain data. */
export const tasks = {
  kMeans: (a: { points: Float32Array; d: number; options: ClusterOptions }) => kMeans(a.points, a.d, a.options),
  assign: (a: { points: Float32Array; d: number; codebook: Float32Array; weights?: Float32Array }) => assign(a.points, a.d, a.codebook, a.weights),
  factor: (a: { h: Float32Array; n: number; share: number }) => factor(a.h, a.n, a.share),
  solve: (a: { factor: Factor; rows: Float32Array }) => solveRows(a.factor, a.rows),
  feedback: (a: { factor: Factor; rows: Float32Array; codebook: Float32Array; d: number }) => feedback(a.factor, a.rows, a.codebook, a.d),
};

export type TaskName = keyof typeof tasks;
export type TaskInput<N extends TaskName> = Parameters<(typeof tasks)[N]>[0];
export type TaskOutput<N extends TaskName> = ReturnType<(typeof tasks)[N]>;

/** Runs tasks, on other threads where there are some. Results do not depend on how many there are. */
export interface ComputePool {
  readonly threads: number;
  /** @param given memory of the input that the caller gives away */
  run<N extends TaskName>(name: N, input: TaskInput<N>, given?: readonly ArrayBuffer[]): Promise<TaskOutput<N>>;
}

/** Runs every task at once on the calling thread. */
export const inlinePool: ComputePool = {
  threads: 1,
  run: async <N extends TaskName>(name: N, input: TaskInput<N>) => runTask(name, input),
};

/** Runs one task by name. */
export function runTask<N extends TaskName>(name: N, input: TaskInput<N>): TaskOutput<N> {
  const task = tasks[name] as (input: TaskInput<N>) => TaskOutput<N>;
  return task(input);
}

/** Splits rows [rows, n] into as many even parts as there are threads, runs `task` on each and joins the typed-array results in order. */
export async function overRows<T extends Float32Array | Int32Array>(pool: ComputePool, rows: Float32Array, n: number, task: (part: Float32Array) => Promise<T>): Promise<T> {
  const count = rows.length / n, parts = Math.max(1, Math.min(pool.threads, count));
  const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.floor(i * count / parts) * n);
  // memory that threads share needs no copy
  const cut = (from: number, to: number): Float32Array => (rows.buffer instanceof ArrayBuffer ? rows.slice(from, to) : rows.subarray(from, to));
  const results = await Promise.all(Array.from({ length: parts }, (_, i) => task(cut(bounds[i], bounds[i + 1]))));
  if (parts === 1) return results[0];
  const joined = new (results[0].constructor as new (length: number) => T)(results.reduce((sum, r) => sum + r.length, 0));
  let at = 0;
  for (const part of results) {
    joined.set(part as never, at); // same constructor, see above
    at += part.length;
  }
  return joined;
}
