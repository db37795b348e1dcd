import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { BodyFacts, GraphFacts } from "../../../src/protocol/api";
import { unpack } from "../../../src/protocol/packed";
import { DataType } from "../../../src/onnx/tensor";
import { viewer } from "../../../src/worker/viewer";
import { branching, dynamicConv, dynamicWeights, floats, ints, modelBytes, type ModelParts, smallNetwork, value, wave } from "../onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-drawable-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

/** The graph of a model, or one of its bodies. */
async function drawn(bytes: Uint8Array, body?: string): Promise<GraphFacts> {
  const file = path.join(folder, `${files++}.onnx`);
  writeFileSync(file, bytes);
  const view = viewer(), graph = body === undefined ? await view.graph(file) : (await unpack<BodyFacts>(await view.body(file, body))).graph;
  await view.close(file);
  return graph;
}
const network = (parts: ModelParts) => drawn(modelBytes({ inputs: [value("x", [1, 3, 8, 8])], outputs: [value("y")], ...parts }));
const weight = (name: string, dims = [4, 3, 3, 3]) => floats(name, dims, wave(dims.reduce((a, b) => a * b, 1)));
const conv = (input: string, name: string, output: string) => ({ op: "Conv", inputs: [input, name], outputs: [output], attributes: { pads: [1, 1, 1, 1] } });
const picture = ({ nodes, edges }: GraphFacts) => ({ nodes: nodes.map(({ op, caption, fused }) => [caption || op, ...fused].join(" | ")), edges: edges.map(({ from, to }) => `${from}>${to}`).join(" ") });

test("activations follow a layer, pooling and flattening open the one behind them", async () => {
  const graph = await drawn(smallNetwork());
  expect(picture(graph)).toEqual({ nodes: ["input", "Conv 3×3 · 3→8 | Relu", "Conv 1×1 · 8→16", "GlobalAveragePool · Flatten · Gemm 16→12", "output"], edges: "0>1 1>2 2>3 3>4" });
  expect(graph.nodes.map(({ label }) => label)).toEqual(["x", "first", "second", "fc", "y"]);
  expect(graph.nodes[3].outputs).toEqual(["d", "e", "y"]);
  expect(graph.edges.map(({ shape }) => shape?.join("×"))).toEqual(["N×3×8×8", "N×8×8×8", "N×16×8×8", "N×12"]);
});

test("what two nodes read, or the model gives out, stays outside", async () => {
  const graph = await network({
    initializers: [weight("a"), weight("b", [4, 4, 3, 3])], outputs: [value("y"), value("p")],
    nodes: [conv("x", "a", "p"), { op: "Relu", inputs: ["p"], outputs: ["q"] }, conv("q", "b", "r"), { op: "Add", inputs: ["q", "r"], outputs: ["s"] }, { op: "Relu", inputs: ["s"], outputs: ["y"] }],
  });
  expect(picture(graph)).toEqual({ nodes: ["input", "Conv 3×3 · 3→4", "Relu", "Conv 3×3 · 4→4", "Add | Relu", "output", "output"], edges: "0>1 1>2 2>3 2>4 3>4 4>5 1>6" });
});

test("the arithmetic of shapes and scaling by constants leave no nodes", async () => {
  const graph = await network({
    initializers: [weight("a"), floats("scale", [1, 4, 1, 1], wave(4)), ints("zero", [0], []), ints("rest", [-1]), ints("axes", [0]), weight("fc", [256, 5])],
    nodes: [
      conv("x", "a", "p"), { op: "Mul", inputs: ["p", "scale"], outputs: ["q"] },
      { op: "Shape", inputs: ["q"], outputs: ["n"] }, { op: "Gather", inputs: ["n", "zero"], outputs: ["n0"] }, { op: "Unsqueeze", inputs: ["n0", "axes"], outputs: ["n1"] }, { op: "Concat", inputs: ["n1", "rest"], outputs: ["n2"], attributes: { axis: 0 } },
      { op: "Reshape", inputs: ["q", "n2"], outputs: ["r"] }, { op: "MatMul", inputs: ["r", "fc"], outputs: ["y"] },
    ],
  });
  expect(picture(graph)).toEqual({ nodes: ["input", "Conv 3×3 · 3→4 | Mul", "Reshape · MatMul 256→5", "output"], edges: "0>1 1>2 2>3" });
});

test("activations in several nodes are one", async () => {
  const graph = await network({
    initializers: [weight("a"), weight("b", [4, 4, 3, 3]), floats("root", [], [1.4142]), floats("one", [], [1]), floats("half", [], [0.5]), floats("three", [], [3]), floats("zero", [], [0]), floats("six", [], [6])],
    nodes: [
      conv("x", "a", "p"), { op: "Div", inputs: ["p", "root"], outputs: ["p1"] }, { op: "Erf", inputs: ["p1"], outputs: ["p2"] }, { op: "Add", inputs: ["p2", "one"], outputs: ["p3"] }, { op: "Mul", inputs: ["p", "p3"], outputs: ["p4"] }, { op: "Mul", inputs: ["p4", "half"], outputs: ["q"] },
      conv("q", "b", "r"), { op: "Add", inputs: ["r", "three"], outputs: ["r1"] }, { op: "Clip", inputs: ["r1", "zero", "six"], outputs: ["r2"] }, { op: "Mul", inputs: ["r2", "r"], outputs: ["r3"] }, { op: "Div", inputs: ["r3", "six"], outputs: ["y"] },
    ],
  });
  expect(picture(graph)).toEqual({ nodes: ["input", "Conv 3×3 · 3→4 | Gelu", "Conv 3×3 · 4→4 | HardSwish", "output"], edges: "0>1 1>2 2>3" });
});

test("a layer normalization in nine nodes is one, of which others may read what it normalizes, but nothing in between", async () => {
  const normalization = [
    { op: "ReduceMean", inputs: ["p"], outputs: ["mean"], attributes: { axes: [-1] } }, { op: "Sub", inputs: ["p", "mean"], outputs: ["d"] }, { op: "Pow", inputs: ["d", "two"], outputs: ["d2"] }, { op: "ReduceMean", inputs: ["d2"], outputs: ["v"], attributes: { axes: [-1] } },
    { op: "Add", inputs: ["v", "eps"], outputs: ["v1"] }, { op: "Sqrt", inputs: ["v1"], outputs: ["s"] }, { op: "Div", inputs: ["d", "s"], outputs: ["q"] }, { op: "Mul", inputs: ["q", "gamma"], outputs: ["q1"] }, { op: "Add", inputs: ["q1", "beta"], outputs: ["n"] },
  ];
  const initializers = [weight("a"), weight("w", [8, 8]), floats("two", [], [2]), floats("eps", [], [1e-6]), floats("gamma", [8], wave(8)), floats("beta", [8], wave(8))], first = conv("x", "a", "p"), last = [{ op: "MatMul", inputs: ["n", "w"], outputs: ["m"] }, { op: "Add", inputs: ["m", "p"], outputs: ["y"] }];
  expect(picture(await network({ initializers, nodes: [first, ...normalization, ...last] }))).toEqual({ nodes: ["input", "Conv 3×3 · 3→4", "LayerNormalization", "MatMul 8→8", "Add", "output"], edges: "0>1 1>2 2>3 3>4 1>4 4>5" });
  expect(picture(await network({ initializers, nodes: [first, ...normalization, { op: "MatMul", inputs: ["n", "w"], outputs: ["y"] }] })).nodes).toEqual(["input", "Conv 3×3 · 3→4 | LayerNormalization", "MatMul 8→8", "output"]);
  expect(picture(await network({ initializers, nodes: [first, ...normalization, ...last], outputs: [value("y"), value("v")] })).nodes).toContain("Div | Mul | Add");
});

test("nodes that unpack a weight belong to its layer, chains that only rearrange are one node, a sigmoid and its product one activation", async () => {
  const graph = await network({
    initializers: [floats("words", [2, 9], wave(18)), ints("which", Array.from({ length: 12 }, (_, i) => i % 2)), ints("shape", [4, 3, 3, 3]), ints("at", [0]), ints("to", [2]), ints("axis", [1])],
    nodes: [
      { op: "Gather", inputs: ["words", "which"], outputs: ["flat"] }, { op: "Reshape", inputs: ["flat", "shape"], outputs: ["a"] }, conv("x", "a", "p"),
      { op: "Sigmoid", inputs: ["p"], outputs: ["g"] }, { op: "Mul", inputs: ["p", "g"], outputs: ["q"] },
      { op: "Slice", inputs: ["q", "at", "to", "axis"], outputs: ["s"] }, { op: "Transpose", inputs: ["s"], outputs: ["t"] }, { op: "MaxPool", inputs: ["t"], outputs: ["y"], attributes: { kernel_shape: [2, 2] } },
    ],
  });
  expect(picture(graph)).toEqual({ nodes: ["input", "Conv 3×3 · 3→4 | SiLU", "Slice | Transpose", "MaxPool", "output"], edges: "0>1 1>2 2>3 3>4" });
});

test("branches can be entered; what they take from outside comes in, and a constant that they give out is seen", async () => {
  const model = branching(), graph = await drawn(model), node = graph.nodes.find(({ op }) => op === "If")!;
  expect(node.bodies).toEqual([{ path: "choice/then_branch", title: "then_branch" }, { path: "choice/else_branch", title: "else_branch" }]);
  const then = await drawn(model, "choice/then_branch"), inner = then.nodes.find(({ layer }) => layer !== undefined)!;
  expect([node.held, node.bytes]).toEqual([[inner.layer], inner.bytes]);
  expect(inner.bytes).toBeGreaterThan(4 * 108);
  expect(picture(then)).toEqual({ nodes: ["input", "Conv 3×3 · 3→4 | Relu", "output"], edges: "0>1 1>2" });
  expect(then.nodes[0].name).toBe("x");
  expect(then.nodes[1].layer).toBe("choice/then_branch/inner");
  expect(picture(await drawn(model, "choice/else_branch"))).toEqual({ nodes: ["Constant", "output"], edges: "0>1" });
  await expect(drawn(model, "nowhere")).rejects.toThrow("The model has no graph nowhere.");
});

test("pairs that round values belong to what is before them, an input too", async () => {
  const pair = (from: string, to: string) => [{ op: "QuantizeLinear", inputs: [from, "s", "z"], outputs: [`${from}q`] }, { op: "DequantizeLinear", inputs: [`${from}q`, "s", "z"], outputs: [to] }];
  const graph = await network({
    initializers: [floats("s", [], [0.1]), { name: "z", dims: [], type: DataType.UINT8, raw: Uint8Array.of(0) }, weight("a"), weight("b", [4, 4, 3, 3])],
    nodes: [...pair("x", "xd"), conv("xd", "a", "p"), { op: "Relu", inputs: ["p"], outputs: ["r"] }, ...pair("r", "rd"), conv("rd", "b", "q"), { op: "Add", inputs: ["q", "rd"], outputs: ["y"] }],
  });
  expect(picture(graph)).toEqual({ nodes: ["input | QDQ", "Conv 3×3 · 3→4 | Relu | QDQ", "Conv 3×3 · 4→4", "Add", "output"], edges: "0>1 1>2 2>3 1>3 3>4" });
});

test("attributes of every node are told in words", async () => {
  const graph = await network({ initializers: [weight("a")], nodes: [{ ...conv("x", "a", "p"), attributes: { strides: [2, 2], group: 1 } }, { op: "MaxPool", inputs: ["p"], outputs: ["y"], attributes: { kernel_shape: [2, 2], auto_pad: "VALID" } }] });
  expect(graph.nodes.map(({ attributes }) => attributes)).toEqual([undefined, [["strides", "2, 2"], ["group", "1"]], [["kernel_shape", "2, 2"], ["auto_pad", "VALID"]], undefined]);
});

test("layers on integers with scales found while they run are drawn as the layers that they were", async () => {
  const graph = await network({ inputs: [value("x", [1, 4, 8, 8])], nodes: [...dynamicConv("x", "conv1", "a"), ...dynamicConv("a", "conv2", "y")], initializers: [...dynamicWeights("conv1"), ...dynamicWeights("conv2")] });
  expect(picture(graph)).toEqual({ nodes: ["input", "ConvInteger 3×3 · 4→4 | QDQ | Add | Relu", "ConvInteger 3×3 · 4→4 | QDQ | Add | Relu", "output"], edges: "0>1 1>2 2>3" });
});
