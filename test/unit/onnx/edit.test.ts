import { onnx } from "onnx-proto";
import { describe, expect, test } from "vitest";
import { encodedSize, encodeNode, ModelEdit, type NodeSpec, type TensorData } from "../../../src/onnx/edit";
import { readModel } from "../../../src/onnx/model";
import { DataType, readFloats } from "../../../src/onnx/tensor";
import { concat, intField, lenField, lenHeader, textField } from "../../../src/onnx/wire";
import { python } from "../../helpers/python";
import { attribute, collect, files, floats, graphBytes, ints, memory, modelBytes, nodeWith, open, smallNetwork, value, wave } from "./models";

const decode = (bytes: Uint8Array) => onnx.ModelProto.decode(bytes);
const unknown = textField(99, "from the future"), checker = python("onnx");
const check = (bytes: Uint8Array): void => { checker?.("import sys, onnx\nonnx.checker.check_model(onnx.load_model_from_string(sys.stdin.buffer.read()), full_check=True)", Buffer.from(bytes)); };

/** A network with unknown fields at every level and a body that has a constant of its own. */
const untidy = (): Uint8Array => modelBytes({
  nodes: [
    nodeWith({ op: "Relu", name: "same", inputs: ["x"], outputs: ["a"] }, unknown, textField(6, "documented")),
    nodeWith({ op: "If", name: "same", inputs: ["c"], outputs: ["b"] }, ...["then_branch", "else_branch"].map((name) => attribute(name, 5, lenField(6, graphBytes({
      nodes: [{ op: "Add", inputs: ["a", `${name}.w`], outputs: [`${name}.y`] }], initializers: [floats(`${name}.w`, [2], [1, 2])], outputs: [value(`${name}.y`, [2])], more: [unknown],
    }))), unknown)),
    { op: "Mul", inputs: ["b", "w"], outputs: ["y"] },
  ],
  initializers: [concat([intField(1, 2), intField(2, 1), textField(8, "w"), lenField(9, new Uint8Array(Float32Array.of(3, 4).buffer)), textField(12, "the weight"), lenField(16, textField(1, "k"), textField(2, "v")), unknown])],
  inputs: [value("x", [2]), value("c", [], DataType.BOOL)], outputs: [value("y", [2])], more: [unknown, lenField(14, textField(1, "w"), lenField(2, textField(1, "SCALE_TENSOR"), textField(2, "w")))],
  modelFields: [unknown, lenField(14, textField(1, "author"), textField(2, "someone"))],
});

const count = (bytes: Uint8Array, part: string): number => Buffer.from(bytes).toString("latin1").split(part).length - 1;

test("changes at every depth keep all lengths right and every unknown field", async () => {
  const bytes = untidy(), model = await open(bytes), edit = new ModelEdit(model), body = model.graphs.find(({ path }) => path.endsWith("then_branch"))!;
  edit.replaceInitializer(body, "then_branch.w", floats("then_branch.w", [2], wave(2)));
  edit.insertNodes(body, "start", [{ op: "Identity", inputs: ["a"], outputs: [edit.freshName("inner")] }]);
  edit.addInitializer(body, floats("extra", [300], wave(300)));
  edit.setNodeInputs(model.graph.nodes[0], ["x2"]);
  edit.insertNodes(model.graph, model.graph.nodes[0], [{ op: "Neg", inputs: ["x"], outputs: ["x2"] }]);
  edit.insertNodes(model.graph, "end", [{ op: "Identity", inputs: ["y"], outputs: ["z"] }]);
  edit.setMetadata("author", "someone else");
  edit.setMetadata("kernelscope.recipe", "{}");
  const written = await edit.toBytes(), found = decode(written);
  expect(count(written, "from the future")).toBe(count(bytes, "from the future"));
  expect(found.graph!.node!.map(({ opType }) => opType)).toEqual(["Neg", "Relu", "If", "Mul", "Identity"]);
  expect(found.graph!.node![1].input).toEqual(["x2"]);
  const [thenBranch, elseBranch] = found.graph!.node![2].attribute!.map(({ g }) => g!);
  expect(thenBranch.node!.map(({ opType }) => opType)).toEqual(["Identity", "Add"]);
  expect(thenBranch.initializer!.map(({ name }) => name)).toEqual(["then_branch.w", "extra"]);
  expect(elseBranch).toEqual(decode(bytes).graph!.node![1].attribute![1].g);
  expect(found.metadataProps.map(({ key, value }) => `${key}=${value}`)).toEqual(["author=someone else", "kernelscope.recipe={}"]);
  expect(edit.size()).toBe(written.length);
  expect(onnx.ModelProto.decode(bytes)).toEqual(decode(await new ModelEdit(model).toBytes()));
  check(written);
});

test("a replaced constant keeps its place, documentation and metadata; a removed one takes its annotation along", async () => {
  const bytes = untidy(), model = await open(bytes), edit = new ModelEdit(model);
  edit.replaceInitializer(model.graph, "w", floats("w", [2], [5, 6]));
  const written = await edit.toBytes(), reread = await open(written);
  expect([...await readFloats(reread, reread.graph.initializers.get("w")!)]).toEqual([5, 6]);
  expect(decode(written).graph!.initializer![0].docString).toBe("the weight");
  expect(written.length).toBe(bytes.length);
  const removal = new ModelEdit(model);
  removal.removeInitializer(model.graph, "w");
  removal.addInitializer(model.graph, floats("w", [2], [5, 6]));
  const removed = decode(await removal.toBytes());
  expect([removed.graph!.quantizationAnnotation!.length, removed.graph!.initializer!.length, removed.graph!.initializer![0].docString]).toEqual([0, 1, ""]);
});

test("below IR version 4 initializers come and go with their graph inputs", async () => {
  const model = await open(smallNetwork({ ir: 3, opset: 9, inputs: ["x", "first.weight", "first.bias", "second.weight", "fc.weight", "fc.bias"].map((name, i) => value(name, [["N", 3, 8, 8], [8, 3, 3, 3], [8], [16, 8, 1, 1], [12, 16], [12]][i])) }));
  expect(model.graph.overridable.size).toBe(0);
  const edit = new ModelEdit(model);
  edit.removeInitializer(model.graph, "second.weight");
  edit.addInitializer(model.graph, floats("s", [16, 8], wave(128)));
  edit.addInitializer(model.graph, ints("shape", [16, 8, 1, 1]));
  edit.insertNodes(model.graph, "start", [{ op: "Reshape", inputs: ["s", "shape"], outputs: ["second.weight"] }]);
  const written = await edit.toBytes();
  expect(decode(written).graph!.input!.map(({ name }) => name)).toEqual(["x", "first.weight", "first.bias", "fc.weight", "fc.bias", "s", "shape"]);
  check(written);
});

test("nodes are replaced and removed, Constant nodes become initializers", async () => {
  const tensor = floats("inner", [2], [1, 2]);
  const model = await open(modelBytes({ nodes: [{ op: "Constant", inputs: [], outputs: ["w"], attributes: { value: { tensor } } }, { op: "Add", inputs: ["x", "w"], outputs: ["a"] }, { op: "Relu", inputs: ["a"], outputs: ["y"] }], inputs: [value("x", [2])], outputs: [value("y", [2])] }));
  const edit = new ModelEdit(model);
  edit.replaceInitializer(model.graph, "w", floats("w", [2], [3, 4]));
  edit.replaceNode(model.graph.nodes[2], [{ op: "Neg", inputs: ["a"], outputs: ["m"] }, { op: "Abs", inputs: ["m"], outputs: ["y"] }]);
  const found = decode(await edit.toBytes());
  expect([found.graph!.node!.map(({ opType }) => opType), found.graph!.initializer!.map(({ name }) => name)]).toEqual([["Add", "Neg", "Abs"], ["w"]]);
  check(await edit.toBytes());
});

test("fresh names collide with nothing, in no body, and not with what was added before", async () => {
  const model = await open(modelBytes({
    nodes: [{ op: "Relu", name: "0", inputs: ["1"], outputs: ["2"] }, nodeWith({ op: "If", inputs: ["c"], outputs: ["3"] }, attribute("then_branch", 5, lenField(6, graphBytes({ nodes: [{ op: "Relu", inputs: ["2"], outputs: ["4"] }], outputs: [value("4")] }))))],
    initializers: [floats("5", [1], [0])], inputs: [value("1"), value("c")], outputs: [value("6")], valueInfo: [value("7")],
  }));
  const edit = new ModelEdit(model);
  edit.addInitializer(model.graph, floats("9", [1], [0]));
  expect([edit.freshName(), edit.freshName("k"), edit.freshName("k")]).toEqual(["8", "k0", "k1"]);
  edit.insertNodes(model.graph, "end", [{ op: "Relu", inputs: ["1"], outputs: ["b"] }]);
  expect([edit.freshName(), edit.freshName(), edit.freshName()]).toEqual(["a", "d", "e"]);
});

test("sizes told before are those written, and onnx-proto reads what was encoded", () => {
  const tensor: TensorData = ints("n", [-1, 0, 300, 2 ** 40]);
  const spec: NodeSpec = { op: "Op", domain: "d", name: "n", inputs: ["a", ""], outputs: ["b"], attributes: { i: -3, f: { float: 0.5 }, s: "text", ints: [1, -2], floats: { floats: [1, 2] }, t: { tensor } } };
  const node = onnx.NodeProto.decode(encodeNode(spec));
  expect(node.toJSON()).toMatchObject({ opType: "Op", domain: "d", name: "n", input: ["a", ""], output: ["b"] });
  expect(node.attribute.map(({ name, type, i, f, floats, ints }) => [name, type, Number(i), f, floats, ints!.map(Number)])).toEqual([
    ["i", 2, -3, 0, [], []], ["f", 1, 0, 0.5, [], []], ["s", 3, 0, 0, [], []], ["ints", 7, 0, 0, [], [1, -2]], ["floats", 6, 0, 0, [1, 2], []], ["t", 4, 0, 0, [], []],
  ]);
  expect(node.attribute[5].t!.int64Data!.map(Number)).toEqual([-1, 0, 300, 2 ** 40]);
  expect(encodedSize(spec)).toBe(encodeNode(spec).length + 3);
  const large = floats("w", [1000], wave(1000));
  expect(encodedSize(large)).toBe(modelBytes({ initializers: [large] }).length - modelBytes({}).length - 1);
});

describe("external data", () => {
  const external = (name: string, offset: number, count: number, location = "m.data") => concat([
    intField(1, count), intField(2, 1), textField(8, name), lenField(13, textField(1, "location"), textField(2, location)), lenField(13, textField(1, "offset"), textField(2, String(offset))), lenField(13, textField(1, "length"), textField(2, String(count * 4))), intField(14, 1), textField(12, "kept"),
  ]);
  const values = wave(300_000), data = new Uint8Array(values.buffer);
  const make = () => open(modelBytes({
    nodes: [nodeWith({ op: "Constant", inputs: [], outputs: ["c"] }, attribute("value", 4, lenField(5, external("", 8, 3)))), { op: "Add", inputs: ["x", "c"], outputs: ["y"] }],
    initializers: [external("a", 0, 10), external("b", 40, 299_990), external("again", 0, 10)], inputs: [value("x", [3])], outputs: [value("y", [3])],
  }), files({ "m.data": data }));

  test("comes into the file", async () => {
    const edit = new ModelEdit(await make()), sink = collect();
    edit.removeInitializer(edit.model.graph, "again");
    const written = await edit.write(sink, { external: "inline" });
    expect(written).toBe(sink.bytes().length);
    const model = await open(sink.bytes());
    expect(await readFloats(model, model.graph.initializers.get("b")!)).toEqual(values.slice(10));
    expect([...await readFloats(model, model.graph.nodes[0].attributes.get("value")!.tensor!)]).toEqual([...values.slice(2, 5)]);
    expect(decode(sink.bytes()).graph!.initializer!.map(({ docString, externalData }) => [docString, externalData])).toEqual([["kept", []], ["kept", []]]);
    check(sink.bytes());
  });

  test("moves to one new file, once and aligned", async () => {
    const edit = new ModelEdit(await make()), sink = collect(), weights = collect();
    await edit.write(sink, { external: { location: "small.data", sink: weights } });
    const model = await open(sink.bytes(), files({ "small.data": weights.bytes() }));
    expect(await readFloats(model, model.graph.initializers.get("b")!)).toEqual(values.slice(10));
    expect(await readFloats(model, model.graph.initializers.get("again")!)).toEqual(values.slice(0, 10));
    const places = model.graph.initializerList.map(({ storage }) => (storage.kind === "external" ? storage.offset : -1));
    expect([places[0], places[1] % 4096]).toEqual([places[2], 0]);
    expect(weights.bytes().length).toBeLessThan(data.length + 8192);
  });

  test("stays where it is unless said otherwise", async () => {
    const edit = new ModelEdit(await make()), before = memory(await edit.toBytes()).size;
    edit.removeInitializer(edit.model.graph, "again");
    expect((await edit.toBytes()).length).toBeLessThan(before);
    const sink = collect();
    await edit.write(sink, { external: "inline" });
    expect(edit.size()).toBe(sink.bytes().length);
  });
});

test("a cancelled write stops", async () => {
  const edit = new ModelEdit(await open(smallNetwork())), controller = new AbortController();
  controller.abort();
  await expect(edit.write(collect(), { signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
});

test("a gigabyte is opened by a few kilobytes and copied through a few megabytes", async () => {
  const weights = 250, each = 4_000_000, header = (i: number) => concat([intField(1, each / 4), intField(2, 1), textField(8, `w${i}`)]);
  // the file is made as it is read: headers from here, zeros for the weights
  const pieces: { start: number; bytes: Uint8Array }[] = [];
  let size = 0;
  const put = (bytes: Uint8Array) => { pieces.push({ start: size, bytes }); size += bytes.length; };
  const inits = Array.from({ length: weights }, (_, i) => { const h = header(i), raw = lenHeader(9, each); return { head: concat([lenHeader(5, h.length + raw.length + each), h, raw]) }; });
  const graphLength = inits.reduce((sum, { head }) => sum + head.length + each, 0) + 3;
  put(intField(1, 8));
  put(lenHeader(7, graphLength));
  for (const { head } of inits) { put(head); size += each; }
  put(textField(2, "g"));
  put(lenField(8, textField(1, ""), intField(2, 13)));
  let read = 0, longest = 0;
  const source = { size, async read(offset: number, length: number) {
    const out = new Uint8Array(length);
    read += length;
    longest = Math.max(longest, length);
    for (const { start, bytes } of pieces) if (start < offset + length && start + bytes.length > offset) {
      const from = Math.max(0, offset - start);
      out.set(bytes.subarray(from, Math.min(bytes.length, offset + length - start)), Math.max(0, start - offset));
    }
    return out;
  } };
  const model = await readModel(source);
  expect([model.graph.initializers.size, read < 1_300_000]).toEqual([weights, true]);
  const edit = new ModelEdit(model);
  edit.replaceInitializer(model.graph, "w7", floats("w7", [2], [1, 2]));
  longest = 0;
  let written = 0;
  expect(await edit.write({ async write(bytes) { written += bytes.length; } })).toBe(written);
  expect([written < size - each + 100, longest <= 1 << 22]).toEqual([true, true]);
});

test("an attribute of a node gets another value, comes and goes, and all else stays", async () => {
  const spec: NodeSpec = { op: "Conv", name: "conv", inputs: ["x", "w"], outputs: ["y"], attributes: { group: 4, pads: [1, 1, 1, 1], kernel_shape: [3, 3] } };
  const model = await open(modelBytes({ nodes: [nodeWith(spec, unknown)], initializers: [floats("w", [2, 1, 3, 3], wave(18))], inputs: [value("x", [1, 2, 8, 8])], outputs: [value("y", [1, 2, 10, 10])] })), edit = new ModelEdit(model), [node] = model.graph.nodes;
  edit.setAttribute(node, "group", 2);
  edit.setAttribute(node, "kernel_shape", undefined);
  edit.setAttribute(node, "dilations", [1, 1]);
  edit.setAttribute(node, "pads", [2, 2, 2, 2]);
  const bytes = await edit.toBytes(), [written] = (await open(bytes)).graph.nodes;
  expect([...written.attributes].map(([name, { i, ints: numbers }]) => [name, i ?? numbers]).sort()).toEqual([["dilations", [1, 1]], ["group", 2], ["pads", [2, 2, 2, 2]]]);
  expect([written.name, written.op, written.inputs, written.outputs]).toEqual(["conv", "Conv", ["x", "w"], ["y"]]);
  expect(count(bytes, "from the future")).toBe(1);
  check(bytes);
});
