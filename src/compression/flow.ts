import type { TensorData } from "../onnx/edit";
import { extract } from "../onnx/extract";
import type { Layer } from "../onnx/layers";
import { intAttribute, type Model, type Node } from "../onnx/model";
import { DataType } from "../onnx/tensor";
import { KernelscopeError, throwIfCancelled } from "../protocol/errors";
import type { Runtime, Session, Tensor } from "../runtime/runtime";

/** Samples in batches, each [n, …]. */
export interface Batches {
  input: string;
  batches: Tensor[];
  /** The class of each sample of a batch, where it is known. */
  labels?: readonly Int32Array[];
}

/** What of the main graph depends on the model's inputs, and when each value was used last. */
export class Liveness {
  /** For each node of the main graph, the data values it needs; shape arithmetic is looked through, it is run again where it is used. */
  readonly needs: Set<string>[];
  private readonly born = new Map<string, number>();
  private readonly types = new Map<string, number>();
  /** Outputs of the model that change with the input. */
  readonly outputs: string[];

  constructor(readonly model: Model, input: string) {
    const { graph } = model;
    this.born.set(input, -1);
    this.types.set(input, graph.inputs.find(({ name }) => name === input)?.elemType ?? DataType.FLOAT);
    const shapeNeeds = new Map<string, Set<string>>();
    this.needs = graph.nodes.map((node) => {
      const needs = new Set<string>();
      for (const name of [...node.inputs, ...node.captures]) {
        if (this.born.has(name)) needs.add(name);
        for (const need of shapeNeeds.get(name) ?? []) needs.add(need);
      }
      if (needs.size === 0) return needs;
      const onlyShapes = node.op === "Shape" || node.op === "Size" || node.inputs.every((name) => !this.born.has(name));
      for (const output of node.outputs) {
        if (onlyShapes) shapeNeeds.set(output, needs);
        else this.bear(output, node);
      }
      return needs;
    });
    this.outputs = graph.outputs.map(({ name }) => name).filter((name) => this.born.has(name));
  }

  private bear(output: string, node: Node): void {
    this.born.set(output, node.index);
    const declared = this.model.graph.valueInfo.get(output)?.elemType, cast = node.op === "Cast" ? intAttribute(node, "to", DataType.FLOAT) : undefined;
    this.types.set(output, declared ?? cast ?? this.types.get(node.inputs.find((name) => this.born.has(name)) ?? "") ?? DataType.FLOAT);
  }

  /** Element type of a value that changes with the input: as declared, or that of the value it comes from. */
  typeOf(name: string): number { return this.types.get(name) ?? DataType.FLOAT; }

  /** Whether a value changes with the input. */
  isData(name: string): boolean { return this.born.has(name); }

  /** Values made before node `at` (or given) that it or a later one needs. */
  liveAt(at: number): string[] {
    const live = new Set<string>();
    const add = (name: string) => { if ((this.born.get(name) ?? Infinity) < at) live.add(name); };
    for (let i = at; i < this.needs.length; i++) for (const name of this.needs[i]) add(name);
    for (const name of this.outputs) add(name);
    return [...live];
  }
}

/** One variant of a network on its way through calibration data: the values that are live at a node, for every batch. */
export class Flow {
  private readonly values = new Map<string, Tensor[]>();
  /** What this variant has in place of the file's tensors. */
  readonly replaced = new Map<string, TensorData>();
  /** Nodes in place of the file's, see {@link extract}. */
  readonly added: TensorData[] = [];

  constructor(private readonly liveness: Liveness, private readonly runtime: Runtime, samples: Batches, private readonly threads: number | undefined, private readonly signal?: AbortSignal) {
    this.values.set(samples.input, samples.batches);
  }

  /** A live value, batch by batch. */
  get(name: string): Tensor[] {
    const value = this.values.get(name);
    if (!value) throw new RangeError(`${name} is not live here`);
    return value;
  }

  /** Goes on to a node: afterwards everything it needs is there, and what nobody needs any more is gone. */
  async advance(to: Node): Promise<void> {
    const live = this.liveness.liveAt(to.index);
    const missing = live.filter((name) => !this.values.has(name));
    if (missing.length) for (const [name, tensors] of await this.compute(missing)) this.values.set(name, tensors);
    const wanted = new Set(live);
    for (const name of [...this.values.keys()]) if (!wanted.has(name)) this.values.delete(name);
  }

  /** Values further on, from what is live; they are not kept. */
  async compute(outputs: string[], extra: Map<string, TensorData> = new Map()): Promise<Map<string, Tensor[]>> {
    const session = await this.open(outputs, [], extra);
    const results = new Map<string, Tensor[]>(outputs.map((name) => [name, []]));
    try {
      await this.each(session, {}, (_batch, values) => {
        for (const name of outputs) results.get(name)!.push(values[name]);
      });
    } finally {
      await session.release();
    }
    return results;
  }

  /** A session from what is live to `outputs`; `free` tensors of the file become inputs. */
  async open(outputs: string[], free: readonly { name: string; dims: number[]; type: number }[] = [], extra: Map<string, TensorData> = new Map()): Promise<Session> {
    const shapes = new Map<string, { type: number; shape?: (number | string)[] }>();
    for (const [name, tensors] of this.values) {
      shapes.set(name, { type: this.liveness.typeOf(name), shape: tensors[0].dims.map((d, axis) => (axis === 0 ? "batch" : d)) });
    }
    for (const { name, dims, type } of free) shapes.set(name, { type, shape: dims });
    const bytes = await extract(this.liveness.model, {
      inputs: [...this.values.keys(), ...free.map(({ name }) => name)], outputs, inputShapes: shapes,
      replaceTensors: new Map([...this.replaced, ...extra]), addInitializers: this.added,
    });
    return this.runtime.open(bytes, { threads: this.threads, device: "cpu" });
  }

  /** Runs a session of {@link open} on every batch, or on the first few. */
  async each(session: Session, given: Record<string, Tensor>, use: (batch: number, values: Record<string, Tensor>) => void, most = Infinity): Promise<void> {
    const names = session.inputNames.filter((name) => !(name in given));
    const count = Math.min(most, this.batches);
    for (let batch = 0; batch < count; batch++) {
      throwIfCancelled(this.signal);
      const inputs: Record<string, Tensor> = { ...given };
      for (const name of names) inputs[name] = this.get(name)[batch];
      const values = await session.run(inputs);
      for (const name of session.outputNames) if (values[name].dims.length === 0) throw new KernelscopeError("unsupported", `${name} has no batch axis, so this model cannot be calibrated.`);
      use(batch, values);
    }
  }

  get batches(): number { return this.values.values().next().value?.length ?? 0; }
}

/** Whether calibration data comes to a layer. */
export function isReached({ graph, convolution, consumers: [node], weight }: Layer, liveness: Liveness): boolean {
  return liveness.isData(graph === liveness.model.graph && convolution ? node.inputs[0] : node.inputs[node.inputs[1] === weight ? 0 : 1]);
}

/** What a network puts out for some samples, batch by batch. */
export const networkOutputs = (model: Model, samples: Batches, runtime: Runtime, threads?: number): Promise<Map<string, Tensor[]>> =>
  new Flow(new Liveness(model, samples.input), runtime, samples, threads).compute(model.graph.outputs.map(({ name }) => name));
