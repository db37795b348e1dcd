import { calibrate, sourcesOf, type Calibrated } from "../../src/compression/integer/calibrate";
import { planIntegers, type IntegerChoices, type IntegerPlan } from "../../src/compression/integer/plan";
import { quantizeActivations } from "../../src/compression/integer/quantize";
import { readyForIntegers } from "../../src/compression/integer/ready";
import { fitWithoutData, type FittedLayer } from "../../src/compression/fit";
import { assemble } from "../../src/compression/write";
import { readIntegers } from "../../src/evaluation/integer/read";
import { IntegerExecutor } from "../../src/evaluation/integer/run";
import type { IntegerProgram, Step } from "../../src/evaluation/integer/program";
import type { RangeKind } from "../../src/evaluation/ranges";
import { extract } from "../../src/onnx/extract";
import { findLayers } from "../../src/onnx/layers";
import { editedModel, memorySource } from "../../src/onnx/memory";
import { readModel, type Model } from "../../src/onnx/model";
import { DataType } from "../../src/onnx/tensor";
import type { Tensor } from "../../src/runtime/runtime";
import { Products } from "../../src/runtime/products";
import type { nodeHost } from "../../src/worker/host";

type NodeHost = Awaited<ReturnType<typeof nodeHost>>;

export const bytesOf = (model: Model): Promise<Uint8Array> => model.source.read(0, model.source.size);

/** A network of floats as one of integers, all weights of 8 bits. */
export async function asIntegers(bytes: Uint8Array, input: string, samples: readonly Tensor[], host: NodeHost, { ranges = "minMax", ...wanted }: IntegerChoices & { ranges?: RangeKind } = {}): Promise<{ model: Model; plan: IntegerPlan; found: ReadonlyMap<string, Calibrated> }> {
  const { model: ready } = await readyForIntegers(await readModel(memorySource(bytes))), fitted = new Map<string, FittedLayer>();
  const choices = findLayers(ready).filter(({ blocked }) => blocked === undefined).map((layer) => ({ layer, method: "integer", options: { bits: 8 } }));
  const products = new Products(host.runtime);
  await fitWithoutData(ready, choices, { runtime: host.runtime, pool: host.pool, products, seed: 1 }, (layer) => fitted.set(layer.layer.id, layer));
  await products.close();
  const packed = await editedModel(await assemble(ready, choices, async ({ layer }) => fitted.get(layer.id)!, [], "{}", { form: "integers" })), plan = planIntegers(packed, wanted);
  const found = await calibrate(packed, plan, sourcesOf(plan), input, samples, host.runtime, { kind: ranges });
  return { model: await editedModel(await quantizeActivations(packed, plan, found, host.runtime)), plan, found };
}

/** How an executor's step compares with onnxruntime on the same integers. */
export interface StepCheck { step: Step; worst: number }

/** Runs a network by the executor, and each of its steps by onnxruntime on what the executor had as its inputs. */
export async function checkSteps(model: Model, batch: Tensor, host: NodeHost): Promise<{ program: IntegerProgram; outputs: Record<string, Tensor>; checks: StepCheck[] }> {
  const program = await readIntegers(model), executor = await IntegerExecutor.open(program, model, host.runtime), pending: Promise<StepCheck>[] = [];
  const outputs = await executor.follow(batch, (step, inputs, [own]) => {
    if (["move", "float", "dequantize"].includes(step.operation.kind)) return;
    pending.push((async () => {
      const inputShapes = new Map(step.inputs.map((name) => [name, { type: program.grids.has(name) ? DataType.UINT8 : DataType.FLOAT }]));
      const session = await host.runtime.open(await extract(model, { inputs: step.inputs, outputs: step.outputs, inputShapes }), { threads: 1 });
      const { [step.outputs[0]]: { data } } = await session.run(Object.fromEntries(step.inputs.map((name, i) => [name, inputs[i]])));
      await session.release();
      return { step, worst: data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - own.data[i])), 0) };
    })());
  });
  const checks = await Promise.all(pending);
  await executor.release();
  return { program, outputs, checks };
}
