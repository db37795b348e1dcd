import { parentPort } from "node:worker_threads";
import { runTask, type TaskInput, type TaskName } from "../numeric/tasks";
import { collectGarbage } from "./garbage";

const LARGE = 1 << 20;
const bytesOf = (input: object): number => Object.values(input).reduce((sum: number, value: unknown) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0), 0);

/** A thread of the pool in src/runtime/node.ts: one task a message, its result or its error in answer. */
const port = parentPort;
if (!port) throw new Error("compute.js runs as a worker thread");
port.on("message", ({ name, input }: { name: TaskName; input: TaskInput<TaskName> }) => {
  try {
    const result = runTask(name, input as never); // same name, same input: see ComputePool.run
    port.postMessage({ result });
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
  if (bytesOf(input) > LARGE) setImmediate(collectGarbage);
});
