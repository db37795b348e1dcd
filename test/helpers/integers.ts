import { calibrate, sourcesOf, type Calibrated } from "../../src/compression/integer/calibrate";
import { planIntegers, type IntegerChoices, type IntegerPlan } from "../../src/compression/integer/plan";
import { quantizeActivations } from "../../src/compression/integer/quantize";
import { readyForIntegers } from "../../src/compression/integer/ready";
import { fitWithoutData, type FittedLayer } from "../../src/compression/fit";
import { assemble } from "../../src/compression/write";
import type { RangeKind } from "../../src/evaluation/ranges";
import { findLayers } from "../../src/onnx/layers";
import { editedModel, memorySource } from "../../src/onnx/memory";
import { readModel, type Model } from "../../src/onnx/model";
import type { Tensor } from "../../src/runtime/runtime";
import { Products } from "../../src/runtime/products";
import type { nodeHost } from "../../src/worker/host";

type NodeHost = Awaited<ReturnType<typeof nodeHost>>;

export const bytesOf = (model: Model): Promise<Uint8Array> => model.source.read(0, model.source.size);

export interface AsIntegers { model: Model; plan: IntegerPlan; found: ReadonlyMap<string, Calibrated>; /** Before, with its layers as they were fitted. */ ready: Model; fitted: FittedLayer[] }

/** A network of floats as one of integers, all weights of 8 bits if nothing else is asked for. */
export async function asIntegers(bytes: Uint8Array, input: string, samples: readonly Tensor[], host: NodeHost, { ranges = "minMax", bits = 8, ...wanted }: IntegerChoices & { ranges?: RangeKind; bits?: number } = {}): Promise<AsIntegers> {
  const { model: ready } = await readyForIntegers(await readModel(memorySource(bytes))), fitted = new Map<string, FittedLayer>();
  const choices = findLayers(ready).filter(({ blocked }) => blocked === undefined).map((layer) => ({ layer, method: "integer", options: { bits } }));
  const products = new Products(host.runtime);
  await fitWithoutData(ready, choices, { runtime: host.runtime, pool: host.pool, products, seed: 1 }, (layer) => fitted.set(layer.layer.id, layer));
  await products.close();
  const packed = await editedModel(await assemble(ready, choices, async ({ layer }) => fitted.get(layer.id)!, [], "{}", { form: "integers" })), plan = planIntegers(packed, wanted);
  const found = await calibrate(packed, plan, sourcesOf(plan), input, samples, host.runtime, { kind: ranges });
  return { model: await editedModel(await quantizeActivations(packed, plan, found, host.runtime)), plan, found, ready, fitted: choices.map(({ layer: { id } }) => fitted.get(id)!) };
}
