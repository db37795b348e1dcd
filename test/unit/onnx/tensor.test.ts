import fc from "fast-check";
import { expect, test } from "vitest";
import { halfToFloat } from "../../../src/numeric/half";
import { DataType, readFloats, readInts, readRaw, type Tensor } from "../../../src/onnx/tensor";
import { concat, intField, lenField, textField, varint } from "../../../src/onnx/wire";
import { bytesOf, modelBytes, open } from "./models";

async function withTensor(dims: number[], type: number, ...fields: Uint8Array[]) {
  const model = await open(modelBytes({ initializers: [concat([...dims.map((dim) => intField(1, dim)), intField(2, type), ...fields, textField(8, "t")])] }));
  return { model, tensor: model.graph.initializers.get("t") as Tensor };
}
const fixed = (field: number, bytes: Uint8Array, width: 4 | 8): Uint8Array[] =>
  Array.from({ length: bytes.length / width }, (_, i) => concat([varint(field * 8 + (width === 4 ? 5 : 1)), bytes.subarray(i * width, (i + 1) * width)]));

const values = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 80 });

test("floats are the same from raw data, packed and unpacked fields, mixed ones too, and by ranges", async () => {
  await fc.assert(fc.asyncProperty(values, fc.nat(), fc.nat(), async (numbers, a, b) => {
    const bytes = bytesOf(Float32Array.from(numbers)), middle = 4 * Math.floor(numbers.length / 2), n = numbers.length;
    const first = a % n, count = b % (n - first + 1);
    for (const fields of [[lenField(9, bytes)], [lenField(4, bytes)], fixed(4, bytes, 4), [lenField(4, bytes.slice(0, middle)), ...fixed(4, bytes.slice(middle), 4)], [...fixed(4, bytes.slice(0, middle), 4), lenField(4, bytes.slice(middle))]]) {
      const { model, tensor } = await withTensor([n], DataType.FLOAT, ...fields);
      expect(await readFloats(model, tensor)).toEqual(Float32Array.from(numbers));
      expect(await readFloats(model, tensor, [first, count])).toEqual(Float32Array.from(numbers.slice(first, first + count)));
      expect(await readRaw(model, tensor)).toEqual(bytes);
    }
  }), { numRuns: 60 });
});

test("half, bfloat16 and double become float32", async () => {
  const codes = Uint16Array.from({ length: 200 }, (_, i) => i * 311);
  for (const fields of [[lenField(9, bytesOf(codes))], [lenField(5, ...[...codes].map(varint))], [...codes].map((code) => intField(5, code))]) {
    const half = await withTensor([200], DataType.FLOAT16, ...fields);
    expect(await readFloats(half.model, half.tensor, [3, 90])).toEqual(Float32Array.from(codes.slice(3, 93), halfToFloat));
    const brain = await withTensor([200], DataType.BFLOAT16, ...fields);
    expect(bytesOf(await readFloats(brain.model, brain.tensor))).toEqual(bytesOf(Uint32Array.from(codes, (code) => code << 16)));
  }
  const doubles = Float64Array.of(1 / 3, -2e300, 5e-324, 0);
  for (const fields of [[lenField(9, bytesOf(doubles))], [lenField(10, bytesOf(doubles))], fixed(10, bytesOf(doubles), 8)]) {
    const { model, tensor } = await withTensor([4], DataType.DOUBLE, ...fields);
    expect(await readFloats(model, tensor)).toEqual(Float32Array.from(doubles));
  }
});

test("integers of every type and storage, negative ones too", async () => {
  const cases: [number, number, number[], Uint8Array][] = [
    [DataType.INT64, 7, [-1, 0, 2 ** 53 - 1, -(2 ** 40)], bytesOf(BigInt64Array.of(-1n, 0n, 2n ** 53n - 1n, -(2n ** 40n)))], [DataType.INT32, 5, [-5, 2 ** 31 - 1], bytesOf(Int32Array.of(-5, 2 ** 31 - 1))],
    [DataType.INT8, 5, [-128, 127], bytesOf(Int8Array.of(-128, 127))], [DataType.UINT8, 5, [0, 255], bytesOf(Uint8Array.of(0, 255))], [DataType.INT16, 5, [-300, 300], bytesOf(Int16Array.of(-300, 300))],
    [DataType.UINT16, 5, [65535], bytesOf(Uint16Array.of(65535))], [DataType.UINT32, 11, [2 ** 32 - 1], bytesOf(Uint32Array.of(2 ** 32 - 1))], [DataType.UINT64, 11, [2 ** 53 - 1], bytesOf(BigUint64Array.of(2n ** 53n - 1n))],
    [DataType.BOOL, 5, [1, 0], Uint8Array.of(1, 0)],
  ];
  for (const [type, field, numbers, raw] of cases) {
    for (const fields of [[lenField(9, raw)], [lenField(field, ...numbers.map(varint))], numbers.map((n) => intField(field, n))]) {
      const { model, tensor } = await withTensor([numbers.length], type, ...fields);
      expect(await readInts(model, tensor)).toEqual(numbers);
      expect(await readRaw(model, tensor)).toEqual(raw);
    }
  }
});

test("integers beyond 2^53 are refused as numbers and exact as bytes", async () => {
  const raw = bytesOf(BigInt64Array.of(2n ** 53n + 1n));
  const { model, tensor } = await withTensor([1], DataType.INT64, lenField(9, raw));
  await expect(readInts(model, tensor)).rejects.toThrow(/beyond 2\^53/);
  expect(await readRaw(model, tensor)).toEqual(raw);
});

test("tensors without elements, scalars, packed dimensions, and types that are no numbers", async () => {
  for (const fields of [[], [lenField(9)], [lenField(4)]]) {
    const { model, tensor } = await withTensor([0, 3], DataType.FLOAT, ...fields);
    expect([tensor.count, (await readFloats(model, tensor)).length]).toEqual([0, 0]);
  }
  const scalar = await withTensor([], DataType.FLOAT, lenField(9, bytesOf(Float32Array.of(2))));
  expect([scalar.tensor.count, [...await readFloats(scalar.model, scalar.tensor)]]).toEqual([1, [2]]);
  const packed = await withTensor([], DataType.FLOAT, lenField(1, varint(2), varint(300)), lenField(9, new Uint8Array(2400)));
  expect(packed.tensor.dims).toEqual([2, 300]);
  const text = await withTensor([1], DataType.STRING, textField(6, "a"));
  await expect(readFloats(text.model, text.tensor)).rejects.toThrow(/string/);
  const four = await withTensor([5], DataType.INT4, lenField(9, Uint8Array.of(1, 2, 3)));
  expect(await readRaw(four.model, four.tensor)).toEqual(Uint8Array.of(1, 2, 3));
  const missing = await withTensor([2], DataType.FLOAT);
  await expect(readFloats(missing.model, missing.tensor)).rejects.toThrow(/has no data/);
});

test("small tensors bring their elements along, large ones do not", async () => {
  expect((await withTensor([2], DataType.INT64, lenField(7, varint(-1), varint(8)))).tensor.values).toEqual([-1, 8]);
  expect((await withTensor([2], DataType.FLOAT, lenField(9, bytesOf(Float32Array.of(1, 2.5))))).tensor.values).toEqual([1, 2.5]);
  expect((await withTensor([65], DataType.FLOAT, lenField(9, new Uint8Array(260)))).tensor.values).toBeUndefined();
});
