import { readIntegers } from "../src/evaluation/integer/read";
import { IntegerExecutor } from "../src/evaluation/integer/run";
import type { IntegerProgram, Step } from "../src/evaluation/integer/program";
import { extract } from "../src/onnx/extract";
import type { Model } from "../src/onnx/model";
import { DataType } from "../src/onnx/tensor";
import type { Runtime, Tensor } from "../src/runtime/runtime";
import { checkSums } from "./integer-sums";

/** How an executor's step compares with onnxruntime on the same inputs: the largest difference, and the share of results that differ; and its sums of 32 bits, if it makes some. */
export interface StepCheck { step: Step; worst: number; differing: number; sums?: { sums: number; differing: number } }

/** Runs a network of integers by the executor, and each of its steps by onnxruntime on what the executor had as its inputs. */
export async function checkSteps(model: Model, batch: Tensor, runtime: Runtime): Promise<{ program: IntegerProgram; outputs: Record<string, Tensor>; checks: StepCheck[] }> {
  const program = await readIntegers(model), executor = await IntegerExecutor.open(program, model, runtime), pending: Promise<StepCheck>[] = [];
  const outputs = await executor.follow(batch, (step, inputs, [own]) => {
    if (["move", "float", "dequantize"].includes(step.operation.kind)) return;
    pending.push((async () => {
      const inputShapes = new Map(step.inputs.map((name) => [name, { type: program.grids.has(name) ? DataType.UINT8 : DataType.FLOAT }]));
      const session = await runtime.open(await extract(model, { inputs: step.inputs, outputs: step.outputs, inputShapes }), { threads: 1 });
      const { [step.outputs[0]]: { data } } = await session.run(Object.fromEntries(step.inputs.map((name, i) => [name, inputs[i]])));
      await session.release();
      let worst = 0, off = 0;
      data.forEach((v, i) => {
        const error = Math.abs(v - own.data[i]);
        worst = Math.max(worst, error);
        if (error > 0) off++;
      });
      return { step, worst, differing: off / data.length, sums: await checkSums(step, inputs, runtime) };
    })());
  });
  const checks = await Promise.all(pending);
  await executor.release();
  return { program, outputs, checks };
}
