import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { ModelEdit } from "../../../src/onnx/edit";
import { findLayers } from "../../../src/onnx/layers";
import { peakActivations } from "../../../src/onnx/peak";
import { DataType } from "../../../src/onnx/tensor";
import { lenField } from "../../../src/onnx/wire";
import { python } from "../../helpers/python";
import { attribute, floats, graphBytes, modelBytes, nodeWith, open, value, wave } from "./models";

const weight = (name: string) => floats(name, [4, 4, 3, 3], wave(144)), pads = [1, 1, 1, 1];
const cast = (from: string, to: string) => ({ op: "Cast", inputs: [from], outputs: [to], attributes: { to: DataType.FLOAT } });
const conv = (from: string, to: string, by: string) => ({ op: "Conv", inputs: [from, by], outputs: [to], attributes: { pads } });
const relu = { op: "Relu", inputs: ["a"], outputs: ["r"] };
const border = { inputs: [value("x", [1, 4, 8, 8])], outputs: [value("y", [1, 4, 8, 8])], initializers: [weight("v"), weight("w")] };

test("casts that a converter put last stand where they run", async () => {
  const steps = [cast("x", "c"), conv("c", "a", "v"), relu, conv("r", "b", "w"), cast("b", "y")];
  const tidy = await open(modelBytes({ ...border, nodes: steps })), untidy = await open(modelBytes({ ...border, nodes: [steps[1], steps[2], steps[3], steps[4], steps[0]] }));
  const outputs = ({ graph }: typeof tidy) => graph.nodes.map(({ outputs: [output], index }) => [output, index]);
  expect(outputs(untidy)).toEqual(outputs(tidy));
  expect(peakActivations(untidy)?.bytes).toBe(peakActivations(tidy)!.bytes);
  expect(findLayers(untidy).map(({ id }) => id)).toEqual(["v", "w"]);
  expect(untidy.graph.consumers.get("r")?.map(({ outputs: [output] }) => output)).toEqual(["b"]);
  // what is written of it is tidy, and a node stands before another where that says so
  const edit = new ModelEdit(untidy), file = path.join(mkdtempSync(path.join(os.tmpdir(), "kernelscope-order-")), "tidy.onnx");
  edit.insertNodes(untidy.graph, "start", [{ op: "Identity", inputs: ["x"], outputs: ["i"] }]);
  edit.insertNodes(untidy.graph, untidy.graph.nodes[1], [{ op: "Identity", inputs: ["c"], outputs: ["j"] }]);
  writeFileSync(file, await edit.toBytes());
  python("onnx")?.(`import onnx; onnx.checker.check_model(${JSON.stringify(file)}, full_check=True)`);
  expect((await open(readFileSync(file))).graph.nodes.map(({ outputs: [output] }) => output)).toEqual(["i", "c", "j", "a", "r", "b", "y"]);
  rmSync(path.dirname(file), { recursive: true });
});

test("what a body needs of the graph around it comes before it", async () => {
  const branch = (name: string) => attribute(`${name}_branch`, 5, lenField(6, graphBytes({ name, outputs: [value(`${name}.y`, [1, 4, 8, 8])], nodes: [{ op: "Relu", inputs: ["a"], outputs: [`${name}.y`] }] })));
  const nodes = [nodeWith({ op: "If", inputs: ["flag"], outputs: ["y"] }, branch("then"), branch("else")), conv("x", "a", "v")];
  const { graph } = await open(modelBytes({ ...border, inputs: [...border.inputs, value("flag", [], DataType.BOOL)], nodes }));
  expect(graph.nodes.map(({ op }) => op)).toEqual(["Conv", "If"]);
  expect(graph.consumers.get("a")).toHaveLength(2);
});

test("a circle, which nothing runs, can be looked at", async () => {
  const { graph } = await open(modelBytes({ ...border, nodes: [conv("b", "a", "v"), conv("a", "b", "w"), { op: "Relu", inputs: ["b"], outputs: ["y"] }] }));
  expect(graph.nodes.map(({ outputs: [output] }) => output).sort()).toEqual(["a", "b", "y"]);
  expect(graph.nodes.map(({ index }) => index)).toEqual([0, 1, 2]);
});
