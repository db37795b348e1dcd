import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { extract } from "../../../src/onnx/extract";
import { DataType, readFloats } from "../../../src/onnx/tensor";
import { lenField } from "../../../src/onnx/wire";
import { attribute, floats, graphBytes, modelBytes, nodeWith, open, smallNetwork, value, wave } from "./models";

type Feeds = Record<string, ort.Tensor>;
async function run(bytes: Uint8Array, feeds: Feeds): Promise<Record<string, Float32Array>> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3, graphOptimizationLevel: "disabled" });
  const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])));
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]));
}
const tensor = (dims: number[], values: Float32Array = wave(dims.reduce((a, b) => a * b, 1), 9)): ort.Tensor => new ort.Tensor("float32", values, dims);
const x = tensor([2, 3, 8, 8]);

describe("pieces of a network on onnxruntime", () => {
  test("front and back together give what the whole gives; opset and IR as old as 7 and 3", async () => {
    for (const more of [{}, { ir: 3, opset: 7, inputs: [value("x", ["N", 3, 8, 8]), value("first.weight", [8, 3, 3, 3]), value("first.bias", [8]), value("second.weight", [16, 8, 1, 1]), value("fc.weight", [12, 16]), value("fc.bias", [12])] }]) {
      const bytes = smallNetwork(more), model = await open(bytes), whole = await run(bytes, { x, "first.weight": tensor([8, 3, 3, 3], wave(216)), "first.bias": tensor([8], wave(8, 2)), "second.weight": tensor([16, 8, 1, 1], wave(128, 3)), "fc.weight": tensor([12, 16], wave(192, 4)), "fc.bias": tensor([12], wave(12, 5)) });
      const { b } = await run(await extract(model, { inputs: ["x"], outputs: ["b"] }), { x });
      expect(await run(await extract(model, { inputs: ["b"], outputs: ["y"] }), { b: tensor([2, 8, 8, 8], b) })).toEqual(whole);
      expect(await run(await extract(model, { inputs: ["b", "second.weight"], outputs: ["y"] }), { b: tensor([2, 8, 8, 8], b), "second.weight": tensor([16, 8, 1, 1], wave(128, 3)) })).toEqual(whole);
    }
  });

  test("constants and nodes are exchanged, and inputs and outputs may be the same value", async () => {
    const model = await open(smallNetwork()), zero = floats("second.weight", [16, 8, 1, 1], new Float32Array(128));
    const { y } = await run(await extract(model, { inputs: ["x"], outputs: ["y"], replaceTensors: new Map([["second.weight", zero]]) }), { x });
    expect([...y.slice(0, 12)]).toEqual([...wave(12, 5)]);
    const relu = model.graph.nodes[1];
    const piece = await extract(model, { inputs: ["a"], outputs: ["a", "b", "scaled"], inputShapes: new Map([["a", { type: DataType.FLOAT, shape: [4] }]]), addInitializers: [floats("two", [1], [2])], replaceNodes: new Map([[relu, [{ op: "Neg", inputs: ["a"], outputs: ["b"] }, { op: "Mul", inputs: ["b", "two"], outputs: ["scaled"] }]]]) });
    expect(await run(piece, { a: tensor([4], Float32Array.of(1, -2, 3, 0)) })).toMatchObject({ a: Float32Array.of(1, -2, 3, 0), b: Float32Array.of(-1, 2, -3, -0), scaled: Float32Array.of(-2, 4, -6, -0) });
  });

  test("a value in the middle replaces what a needed node would have produced", async () => {
    const model = await open(modelBytes({ nodes: [{ op: "Split", inputs: ["x"], outputs: ["a", "b"], attributes: { axis: 0 } }, { op: "Add", inputs: ["a", "b"], outputs: ["y"] }], inputs: [value("x", [4])], outputs: [value("y", [2])] }));
    const piece = await extract(model, { inputs: ["a"], outputs: ["y"], inputShapes: new Map([["a", { type: 1, shape: [2] }]]) });
    expect(await run(piece, { x: tensor([4], Float32Array.of(1, 2, 3, 4)), a: tensor([2], Float32Array.of(10, 20)) })).toEqual({ y: Float32Array.of(13, 24) });
  });

  test("bodies bring along what they use from outside", async () => {
    const branch = (name: string, op: string) => attribute(name, 5, lenField(6, graphBytes({ nodes: [{ op, inputs: ["a", "w"], outputs: [`${name}.y`] }], outputs: [value(`${name}.y`, [2])] })));
    const model = await open(modelBytes({
      nodes: [{ op: "Relu", inputs: ["x"], outputs: ["a"] }, nodeWith({ op: "If", inputs: ["c"], outputs: ["y"] }, branch("then_branch", "Add"), branch("else_branch", "Sub")), { op: "Neg", inputs: ["x"], outputs: ["unused"] }],
      initializers: [floats("w", [2], [5, 6]), floats("other", [2], [0, 0])], inputs: [value("x", [2]), value("c", [], DataType.BOOL)], outputs: [value("y", [2])],
    }));
    expect([...model.graph.nodes[1].captures].sort()).toEqual(["a", "w"]);
    const bytes = await extract(model, { inputs: ["x", "c"], outputs: ["y"] }), feeds = { x: tensor([2], Float32Array.of(1, -1)), c: new ort.Tensor("bool", Uint8Array.of(0), []) };
    expect(await run(bytes, feeds)).toEqual({ y: Float32Array.of(-4, -6) });
    const reread = await open(bytes);
    expect([reread.graph.nodes.length, [...reread.graph.initializers.keys()]]).toEqual([2, ["w"]]);
    expect(await readFloats(reread, reread.graph.initializers.get("w")!)).toEqual(Float32Array.of(5, 6));
  });

  test("a value from nowhere is told of", async () => {
    await expect(extract(await open(smallNetwork()), { inputs: ["x"], outputs: ["nothing"] })).rejects.toThrow(/nothing produces the value nothing/);
  });
});
