import fc from "fast-check";
import { expect, test } from "vitest";
import { readModel } from "../../../src/onnx/model";
import { cursorOf, concat, FIXED32, FIXED64, LEN, lenField, varint, VARINT, varintLength, WireError } from "../../../src/onnx/wire";
import { KernelscopeError } from "../../../src/protocol/errors";
import { memory, smallNetwork } from "./models";

/** A field as bytes, and what a reader must find. */
interface Field { bytes: Uint8Array; field: number; wire: number; value: bigint | string }

const bigVarint = (value: bigint): Uint8Array => {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    if (rest <= 127n) return Uint8Array.from(bytes);
  }
};
const key = (field: number, wire: number): Uint8Array => bigVarint(BigInt(field) * 8n + BigInt(wire));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const number = fc.integer({ min: 1, max: 2 ** 29 - 1 });
const anyField: fc.Arbitrary<Field> = fc.oneof(
  fc.tuple(number, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(([field, value]) => ({ field, wire: VARINT, value, bytes: concat([key(field, 0), bigVarint(value)]) })),
  fc.tuple(number, fc.uint8Array({ maxLength: 5000 })).map(([field, value]) => ({ field, wire: LEN, value: hex(value), bytes: concat([key(field, 2), bigVarint(BigInt(value.length)), value]) })),
  fc.tuple(number, fc.integer({ min: 0, max: 2 ** 32 - 1 })).map(([field, value]) => ({ field, wire: FIXED32, value: BigInt(value), bytes: concat([key(field, 5), new Uint8Array(Uint32Array.of(value).buffer)]) })),
  fc.tuple(number, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(([field, value]) => ({ field, wire: FIXED64, value, bytes: concat([key(field, 1), new Uint8Array(BigInt64Array.of(value).buffer)]) })),
);

async function scan(bytes: Uint8Array) {
  const cursor = cursorOf(memory(bytes), { start: 0, end: bytes.length }), found: { field: number; wire: number; value: bigint | string }[] = [];
  while (cursor.next() ?? await cursor.nextAfterRead()) {
    const { field, wire } = cursor;
    found.push({ field, wire, value: wire === LEN ? hex(await cursor.bytes()) : wire === 3 ? hex(bytes.subarray(cursor.tag, cursor.end)) : cursor.bigint });
  }
  return found;
}

test("any message is read field by field, whatever the window", async () => {
  await fc.assert(fc.asyncProperty(fc.array(anyField, { maxLength: 40 }), async (fields) => {
    expect(await scan(concat(fields.map(({ bytes }) => bytes)))).toEqual(fields.map(({ field, wire, value }) => ({ field, wire, value })));
  }), { numRuns: 200 });
});

test("groups, which nobody uses any more, are one unknown field", async () => {
  const group = concat([key(9, 3), key(1, 0), bigVarint(5n), key(4, 3), key(2, 2), bigVarint(1n), Uint8Array.of(7), key(4, 4), key(9, 4)]);
  expect(await scan(concat([group, key(1, 0), bigVarint(3n)]))).toEqual([{ field: 9, wire: 3, value: hex(group) }, { field: 1, wire: VARINT, value: 3n }]);
  await expect(scan(group.subarray(0, -1))).rejects.toThrow(WireError);
});

test("integers are written as protobuf has them, exactly or not at all", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    expect(hex(varint(value))).toBe(hex(bigVarint(BigInt(value))));
    expect(varintLength(value)).toBe(bigVarint(BigInt(value)).length);
  }));
  expect(() => varint(2 ** 53)).toThrow(RangeError);
  expect(() => varint(1.5)).toThrow(RangeError);
});

test("a file cut off anywhere, or with any byte changed, is read or told of in one sentence", async () => {
  const bytes = smallNetwork();
  for (let end = 1; end < bytes.length; end++) {
    await readModel(memory(bytes.slice(0, end))).catch((error: unknown) => {
      expect(error).toBeInstanceOf(KernelscopeError);
      expect((error as Error).message).toMatch(/^[A-Z].*\.$/s);
    });
  }
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), async (changes) => {
    const damaged = bytes.slice();
    for (const [at, byte] of changes) damaged[at] = byte;
    const source = memory(damaged);
    await readModel(source).catch((error: unknown) => expect(error).toBeInstanceOf(KernelscopeError));
    expect(source.longest).toBeLessThanOrEqual(bytes.length);
  }), { numRuns: 1000 });
});

test("random bytes are no model, quickly", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes) => {
    await readModel(memory(bytes)).catch((error: unknown) => expect(error).toBeInstanceOf(KernelscopeError));
  }), { numRuns: 500 });
});

test("a hostile length allocates nothing", async () => {
  for (const claimed of [2 ** 31, 2 ** 40, 2 ** 52]) {
    const source = memory(concat([key(7, 2), varint(claimed), Uint8Array.of(10, 1, 0)]));
    await expect(readModel(source)).rejects.toThrow(KernelscopeError);
    expect(source.longest).toBeLessThan(100);
  }
});

test("bodies nested a hundred thousand deep end in a sentence, not in a broken stack", async () => {
  const wraps: Uint8Array[] = [];
  // headers outward, each with the length of what it wraps; joined once
  let length = 0;
  for (let i = 0; i < 100_000; i++) {
    for (const field of [6, 5, 1]) {
      const header = concat([key(field, 2), varint(length)]);
      wraps.push(header);
      length += header.length;
    }
  }
  await expect(readModel(memory(lenField(7, concat(wraps.reverse()))))).rejects.toThrow(/nests more than 500 graphs/);
});
