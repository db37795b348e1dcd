import { readFileSync } from "node:fs";
import { onnx } from "onnx-proto";
import { describe, expect, test } from "vitest";
import { ModelEdit } from "../../../src/onnx/edit";
import type { Attribute, Graph, Node } from "../../../src/onnx/model";
import { ATTRIBUTE, fieldOf, FUNCTION, GRAPH, MODEL, NODE, SHAPE, SPARSE, TENSOR, TENSOR_TYPE, TYPE, VALUE } from "../../../src/onnx/schema";
import { bitsOf, DataType, readFloats, readRaw } from "../../../src/onnx/tensor";
import { concat, type Cursor, cursorOf, FIXED32, FIXED64, LEN, lenField, varint, VARINT } from "../../../src/onnx/wire";
import { memory, open } from "./models";
import { nameOf, testdataModels } from "./testdata";

const models = testdataModels();

/** Which fields of which message are messages. */
interface Schema { [field: number]: () => Schema }
const tensor: Schema = { [fieldOf(TENSOR.external)]: () => entry, [fieldOf(TENSOR.metadata)]: () => entry };
const entry: Schema = {}, opset: Schema = {}, dim: Schema = {}, quantization: Schema = { 2: () => entry };
const shape: Schema = { [fieldOf(SHAPE.dim)]: () => dim };
const tensorType: Schema = { [fieldOf(TENSOR_TYPE.shape)]: () => shape };
const type: Schema = { [fieldOf(TYPE.tensor)]: () => tensorType, 4: () => ({ 1: () => type }), 5: () => ({ 2: () => type }), 8: () => tensorType, 9: () => ({ 1: () => type }) };
const valueInfo: Schema = { [fieldOf(VALUE.type)]: () => type };
const sparse: Schema = { [fieldOf(SPARSE.values)]: () => tensor, [fieldOf(SPARSE.indices)]: () => tensor };
const attribute: Schema = { [fieldOf(ATTRIBUTE.tensor)]: () => tensor, [fieldOf(ATTRIBUTE.graph)]: () => graph, [fieldOf(ATTRIBUTE.tensors)]: () => tensor, [fieldOf(ATTRIBUTE.graphs)]: () => graph, 14: () => type, 22: () => sparse };
const node: Schema = { [fieldOf(NODE.attribute)]: () => attribute };
const graph: Schema = {
  [fieldOf(GRAPH.node)]: () => node, [fieldOf(GRAPH.initializer)]: () => tensor, [fieldOf(GRAPH.input)]: () => valueInfo, [fieldOf(GRAPH.output)]: () => valueInfo,
  [fieldOf(GRAPH.valueInfo)]: () => valueInfo, [fieldOf(GRAPH.quantization)]: () => quantization, [fieldOf(GRAPH.sparseInitializer)]: () => sparse,
};
const model: Schema = {
  [fieldOf(MODEL.graph)]: () => graph, [fieldOf(MODEL.opset)]: () => opset, [fieldOf(MODEL.metadata)]: () => entry, 20: () => ({ 1: () => graph, 2: () => graph, 3: () => entry, 4: () => entry }),
  [fieldOf(MODEL.function)]: () => ({ [fieldOf(FUNCTION.node)]: () => node, [fieldOf(FUNCTION.opset)]: () => opset }),
};


/** Decodes a message down to its last field and encodes it anew, lengths and all. */
async function recode(cursor: Cursor, schema: Schema, bytes: Uint8Array, count: { messages: number }): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  count.messages++;
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    const { field, wire } = cursor, inner = schema[field], key = varint(field * 8 + wire);
    if (wire === VARINT) {
      const value = new Uint8Array(10);
      let rest = BigInt.asUintN(64, cursor.bigint), length = 0;
      for (; rest > 127n; rest >>= 7n) value[length++] = Number(rest & 127n) | 128;
      value[length++] = Number(rest);
      parts.push(key, value.slice(0, length));
    } else if (wire === LEN) parts.push(lenField(field, inner ? await recode(cursor.inside(), inner(), bytes, count) : (await cursor.bytes()).slice()));
    else if (wire === FIXED32) parts.push(key, new Uint8Array(Float32Array.of(cursor.float).buffer));
    else if (wire === FIXED64) parts.push(key, new Uint8Array(Float64Array.of(cursor.double).buffer));
    else parts.push(bytes.slice(cursor.tag, cursor.end));
  }
  return concat(parts);
}

const numbers = (values: readonly unknown[] | null | undefined): number[] => (values ?? []).map(Number);

/** Compares what was read with what onnx-proto, an independent reader, makes of the same bytes. */
function compareGraph(found: Graph, expected: onnx.IGraphProto): void {
  expect(found.name).toBe(expected.name ?? "");
  expect(found.inputs.map(({ name }) => name)).toEqual((expected.input ?? []).map(({ name }) => name));
  expect(found.outputs.map(({ name }) => name)).toEqual((expected.output ?? []).map(({ name }) => name));
  for (const [i, { elemType, shape }] of found.inputs.entries()) {
    const { tensorType } = expected.input![i].type ?? {};
    expect(elemType).toBe(tensorType?.elemType ?? undefined);
    expect(shape?.length).toBe(tensorType?.shape ? (tensorType.shape.dim ?? []).length : undefined);
    shape?.forEach((dim, axis) => {
      const wanted = tensorType!.shape!.dim![axis];
      expect(String(dim)).toBe(wanted.dimParam || (wanted.dimValue !== null && wanted.dimValue !== undefined ? String(wanted.dimValue) : "?"));
    });
  }
  expect(found.initializerList.map(({ name, dims, type }) => ({ name, dims, type }))).toEqual((expected.initializer ?? []).map(({ name, dims, dataType }) => ({ name, dims: numbers(dims), type: dataType })));
  expect(found.nodes.length).toBe((expected.node ?? []).length);
  for (const [i, node] of found.nodes.entries()) compareNode(node, expected.node![i]);
}

function compareNode(found: Node, expected: onnx.INodeProto): void {
  expect([found.name, found.op, found.inputs, found.outputs]).toEqual([expected.name ?? "", expected.opType, expected.input ?? [], expected.output ?? []]);
  expect([...found.attributes.keys()]).toEqual((expected.attribute ?? []).map(({ name }) => name));
  for (const wanted of expected.attribute ?? []) compareAttribute(found.attributes.get(wanted.name ?? "")!, wanted);
}

function compareAttribute(found: Attribute, expected: onnx.IAttributeProto): void {
  expect(found.type).toBe(expected.type);
  if (found.type === 1) expect(found.f).toBe(expected.f);
  if (found.type === 2) expect(found.i).toBe(Number(expected.i));
  if (found.type === 3) expect(Buffer.from(found.s!)).toEqual(Buffer.from(expected.s!));
  if (found.type === 4) expect([found.tensor!.dims, found.tensor!.type]).toEqual([numbers(expected.t!.dims), expected.t!.dataType]);
  if (found.type === 5) compareGraph(found.graphs[0], expected.g!);
  expect(found.floats).toEqual(numbers(expected.floats));
  expect(found.ints).toEqual(numbers(expected.ints));
  expect(found.strings.map((s) => Buffer.from(s))).toEqual((expected.strings ?? []).map((s) => Buffer.from(s)));
}

describe.skipIf(!models.length)(`the ${models.length} models of libonnx-testdata`, () => {
  test("every message decodes and encodes to the same bytes", async () => {
    const count = { messages: 0 };
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file));
      expect(Buffer.compare(await recode(cursorOf(memory(bytes), { start: 0, end: bytes.length }), model, bytes, count), bytes), nameOf(file)).toBe(0);
    }
    expect(models.length).toBeGreaterThan(1000);
    expect(count.messages).toBeGreaterThan(20_000);
  });

  test("structure, types and attributes are those that onnx-proto reads", async () => {
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file)), expected = onnx.ModelProto.decode(bytes), found = await open(bytes);
      expect(found.irVersion).toBe(Number(expected.irVersion));
      expect([...found.opsets].sort()).toEqual(expected.opsetImport.map(({ domain, version }) => [domain ?? "", Number(version)]).sort());
      compareGraph(found.graph, expected.graph!);
    }
  });

  test("an edit that changes nothing writes the same bytes, and its size is told before", async () => {
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file)), edit = new ModelEdit(await open(bytes));
      expect(edit.size()).toBe(bytes.length);
      expect(Buffer.compare(await edit.toBytes(), bytes)).toBe(0);
    }
  });

  test("one initializer, or else a constant, is replaced with all else equal", async () => {
    let replaced = 0;
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file)), source = await open(bytes);
      const tensor = source.graph.initializerList[0];
      if (!tensor) continue;
      const edit = new ModelEdit(source), raw = new Uint8Array(24).fill(7);
      edit.replaceInitializer(source.graph, tensor.name, { name: tensor.name, dims: [3, 2], type: DataType.FLOAT, raw });
      const expected = onnx.ModelProto.decode(bytes), found = onnx.ModelProto.decode(await edit.toBytes());
      const slot = found.graph!.initializer!.findIndex(({ name }) => name === tensor.name);
      expect(slot).toBe(0);
      expect([numbers(found.graph!.initializer![slot].dims), Buffer.from(found.graph!.initializer![slot].rawData!)]).toEqual([[3, 2], Buffer.from(raw)]);
      expect(found.graph!.initializer![slot].docString).toBe(expected.graph!.initializer![slot].docString);
      // all that is not this constant, nor a declaration of its type, is as before
      for (const graph of [expected.graph!, found.graph!]) {
        graph.initializer!.splice(slot, 1);
        graph.input = graph.input!.filter(({ name }) => name !== tensor.name);
      }
      expect(onnx.ModelProto.encode(found).finish()).toEqual(onnx.ModelProto.encode(expected).finish());
      replaced++;
    }
    expect(replaced).toBeGreaterThan(15);
  });

  test("elements of tensors are those that onnx-proto reads", async () => {
    let compared = 0;
    for (const file of models) {
      const bytes = new Uint8Array(readFileSync(file)), expected = onnx.ModelProto.decode(bytes), found = await open(bytes);
      const wanted = [...expected.graph!.initializer!, ...expected.graph!.node!.flatMap(({ attribute }) => (attribute ?? []).flatMap(({ t, type }) => (t && type === 4 ? [t] : [])))];
      const tensors = [...found.graph.initializerList, ...found.graph.nodes.flatMap(({ attributes }) => [...attributes.values()].flatMap(({ tensor }) => tensor ?? []))];
      expect(tensors.length).toBe(wanted.length);
      for (const [i, tensor] of tensors.entries()) {
        if (bitsOf(tensor.type) === 0) continue;
        const raw = await readRaw(found, tensor), { rawData, floatData } = wanted[i];
        expect(raw.length).toBe(Math.ceil(tensor.count * bitsOf(tensor.type) / 8));
        if (rawData?.length) expect(Buffer.compare(raw, rawData)).toBe(0);
        else if (tensor.type === DataType.FLOAT) expect([...await readFloats(found, tensor)]).toEqual(floatData);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});

