import { expect, test } from "vitest";
import { readModel } from "../../../src/onnx/model";
import { readFloats } from "../../../src/onnx/tensor";
import { checkLocation } from "../../../src/onnx/external";
import { concat, intField, lenField, textField } from "../../../src/onnx/wire";
import { files, floats, memory, modelBytes, open, smallNetwork, value, wave } from "./models";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

test.each([
  ["empty", new Uint8Array(0), "This file is empty."],
  ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), "Git LFS pointer"],
  ["an HTML page", text("<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"), "web page"],
  ["XML", text("<?xml version='1.0'?><net/>"), "XML"],
  ["JSON", text('{"model": [1, 2, 3]}\n'), "JSON"],
  ["a list in JSON", text("[1, 2, 3]"), "JSON"],
  ["text", text("ir_version: 7\ngraph {\n}\n"), "This file is text"],
  ["a zip archive", concat([text("PK\x03\x04"), new Uint8Array(100)]), "zip archive"],
  ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), "gzip"],
  ["a pickle", Uint8Array.of(0x80, 2, 0x7d, 0x71, 0), "pickle"],
  ["TensorFlow Lite", concat([Uint8Array.of(0x1c, 0, 0, 0), text("TFL3"), new Uint8Array(20)]), "TensorFlow Lite"],
  ["no graph", intField(1, 8), "holds no ONNX graph"],
  ["noise", Uint8Array.from({ length: 300 }, (_, i) => (i * 167 + 255) & 255), "no ONNX model"],
  ["no operator set", concat([intField(1, 8), lenField(7, textField(2, "g"))]), "opset_import"],
])("%s is told of in one sentence", async (_name, bytes, part) => {
  const error: Error = await readModel(memory(bytes)).then(() => { throw new Error("was read"); }, (error: Error) => error);
  expect(error.message).toContain(part);
  expect(error.message).toMatch(/^[A-Z][^\n]*\.$/);
});

test("a truncated file says at which byte and inside which weights", async () => {
  const bytes = modelBytes({ initializers: [floats("layers.6.c1", [4], [1, 2, 3, 4]), floats("layers.7.c1", [400_000], wave(400_000))] });
  await expect(open(bytes.slice(0, 1_000_000))).rejects.toMatchObject({
    code: "truncated", message: `This file ends too early. It stops at byte 1,000,000 of at least ${(bytes.length - 6).toLocaleString("en")}, inside the weights of layers.7.c1. The copy or download was probably cut off: copy, download or make it again. It was not changed.`,
  });
});

test("wherever in its graph a file is cut off, it is told so, and how long it was", async () => {
  const bytes = smallNetwork(), graphs = bytes.length - 6; // an operator set follows the graph
  for (let size = 12; size < graphs; size++) {
    const error = await open(bytes.slice(0, size)).then(() => undefined, (error: unknown) => error);
    expect(error, String(size)).toMatchObject({ code: "truncated", details: { at: size, expected: graphs }, message: expect.stringMatching(/^This file ends too early\. It stops at byte [\d,]+ of at least [\d,]+(, inside (the weights of|node|input|output|initializer) [\w ().]+)?\. The copy/) as string });
  }
});

test("damage inside a message is placed too", async () => {
  const bytes = modelBytes({ nodes: [concat([textField(3, "relu"), textField(4, "Relu"), Uint8Array.of(0x0f)])] });
  await expect(open(bytes)).rejects.toMatchObject({ code: "bad-model", message: expect.stringMatching(/^This file is damaged at byte \d+, inside node relu \(Relu\)\./) as string });
});

const external = (name: string, entries: Record<string, string>, dims = [4]): Uint8Array => concat([
  ...dims.map((dim) => intField(1, dim)), intField(2, 1), textField(8, name), ...Object.entries(entries).map(([key, value]) => lenField(13, textField(1, key), textField(2, value))), intField(14, 1),
]);

test("external data is read at its offset; missing, short and wrong ones are told of", async () => {
  const data = new Uint8Array(Float32Array.of(9, 9, 1, 2, 3, 4).buffer);
  const model = await open(modelBytes({
    initializers: [external("w", { location: "m.data", offset: "8", length: "16" }), external("short", { location: "m.data", offset: "16" }), external("wrong", { location: "m.data", length: "12" }), external("away", { location: "../secret" })],
  }), files({ "m.data": data }));
  const read = (name: string) => readFloats(model, model.graph.initializers.get(name)!);
  expect([...await read("w")]).toEqual([1, 2, 3, 4]);
  expect([...await readFloats(model, model.graph.initializers.get("w")!, [1, 2])]).toEqual([2, 3]);
  expect(model.graph.initializers.get("w")!.bytes).toBe(model.graph.initializers.get("w")!.span!.end - model.graph.initializers.get("w")!.span!.tag + 16);
  await expect(read("short")).rejects.toThrow("The weights file m.data ends too early: short needs bytes 16 to 32, and the file has 24.");
  await expect(read("wrong")).rejects.toThrow(/holds 12 bytes where its shape \[4\] and type float32 need 16/);
  await expect(read("away")).rejects.toMatchObject({ code: "external-data" });
  await expect(readFloats({ source: model.source }, model.graph.initializers.get("w")!)).rejects.toThrow(/m\.data/);
  await expect(open(modelBytes({ initializers: [external("w", { location: "m.data", offset: "-8" })] }))).rejects.toThrow(/external offset/);
});

test("external data beyond 4 GB is reached by its offset", async () => {
  const offset = 5 * 2 ** 30, source = { size: offset + 16, read: async (at: number, length: number) => { expect([at, length]).toEqual([offset, 16]); return new Uint8Array(Float32Array.of(5, 6, 7, 8).buffer); } };
  const model = await open(modelBytes({ initializers: [external("w", { location: "m.data", offset: String(offset), length: "16" })] }), files({ "m.data": source }));
  expect([...await readFloats(model, model.graph.initializers.get("w")!)]).toEqual([5, 6, 7, 8]);
});

test("locations that leave the folder are refused by their words", () => {
  for (const location of ["/etc/passwd", "\\windows", "C:\\x", "c:x", "../x", "a/../../x", "a\\..\\x", "", "x\0y", "a/.."]) expect(() => checkLocation(location), location).toThrow(/outside its folder/);
  for (const location of ["m.data", "sub/m.data", "./m.data", "..data", "weights..bin"]) expect(() => checkLocation(location), location).not.toThrow();
});

test("shapes and bytes that disagree are told of, and hostile shapes allocate nothing", async () => {
  const tensor = (dims: number[], raw: number[]) => concat([...dims.map((dim) => intField(1, dim)), intField(2, 1), textField(8, "w"), lenField(9, Uint8Array.from(raw))]);
  for (const [dims, pattern] of [[[3], /holds 8 bytes where its shape \[3\]/], [[2 ** 50], /holds 8 bytes/], [[-1, 2], /impossible shape \[-1, 2\]/]] as const) {
    const model = await open(modelBytes({ initializers: [tensor([...dims], [0, 0, 0, 0, 0, 0, 0, 0])], inputs: [value("x")] }));
    await expect(readFloats(model, model.graph.initializers.get("w")!)).rejects.toThrow(pattern);
  }
  const varints = concat([intField(1, 2 ** 40), intField(2, 7), textField(8, "n"), lenField(7, Uint8Array.of(1, 2, 3))]);
  const model = await open(modelBytes({ initializers: [varints] }));
  await expect((await import("../../../src/onnx/tensor")).readInts(model, model.graph.initializers.get("n")!)).rejects.toThrow(/fewer than/);
});

test("an intact network is read", async () => {
  const model = await open(smallNetwork());
  expect(model.graph.nodes.map(({ op }) => op)).toEqual(["Conv", "Relu", "Conv", "GlobalAveragePool", "Flatten", "Gemm"]);
});
