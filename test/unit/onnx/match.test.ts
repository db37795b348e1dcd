import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { findLayers } from "../../../src/onnx/layers";
import { matchModels, type MatchedModel, type ModelMatch } from "../../../src/onnx/match/match";
import { memorySource } from "../../../src/onnx/memory";
import type { Node } from "../../../src/onnx/model";
import { readModel } from "../../../src/onnx/reader";
import { disguised } from "../../helpers/disguise";
import { generatedModel } from "../../helpers/generated-graph";
import { mobile } from "../../helpers/mobile";
import { python } from "../../helpers/python";
import { blocks } from "./blocks";

const open = async (bytes: Uint8Array): Promise<MatchedModel> => {
  const model = await readModel(memorySource(bytes));
  return { model, layers: findLayers(model) };
};
const nodesOf = ({ model: { graph } }: MatchedModel): Node[] => graph.nodes.filter(({ op }) => op !== "Constant");
const idsOf = ({ layers }: ModelMatch): [string, string][] => [...layers].map(([a, b]) => [a.id, b.id]);

describe.skipIf(!python("onnx"))("a model and itself under other names and in another order", () => {
  const models: [string, Uint8Array, number][] = [["fashion-cnn", readFileSync("samples/fashion-cnn.onnx"), 1], ["resnet20-cifar10", readFileSync("samples/resnet20-cifar10.onnx"), 1], ["a mobile network", mobile(), 1], ["a generated network", generatedModel(400, 3), 1]];
  test.each(models)("every node of %s finds itself", async (_, bytes) => {
    for (const seed of [1, 2]) {
      const other = disguised(bytes, seed)!, [a, b] = [await open(bytes), await open(other.bytes)], match = await matchModels(a, b);
      expect(nodesOf(a).filter((node) => !match.nodes.has(node)).map(({ op, outputs }) => `${op} ${outputs[0]}`)).toEqual([]);
      for (const [node, partner] of match.nodes) expect(partner.outputs).toEqual(node.outputs.map((name) => (name ? other.names.get(name) : name)));
      expect(match.layers.size).toBe(a.layers.length);
      expect([match.folded.before.size, match.folded.after.size]).toEqual([0, 0]);
    }
  });
});

describe("a network that was changed", () => {
  const plain = blocks(["a", "b", "c", "d"]);
  const named = (pairs: [string, string][]): string[] => pairs.map(([a, b]) => `${a} ${b}`);
  /** Layers of which names say that they are the same. */
  const same = (some: readonly string[]): string[] => some.flatMap((block) => [`${block}1 ${block}1`, `${block}2 ${block}2`]);

  test.each([["first", ["new", "a", "b", "c", "d"]], ["within", ["a", "b", "new", "c", "d"]], ["last", ["a", "b", "c", "d", "new"]]])("a block like the others that stands %s is the one that was added", async (_, list) => {
    for (const retold of [false, true]) {
      const [a, b] = [await open(plain), await open(blocks(list, { prefix: retold ? "other" : "" }))], match = await matchModels(a, b);
      expect(named(idsOf(match)).map((text) => text.replaceAll("other", ""))).toEqual(["stem stem", ...same(["a", "b", "c", "d"]), "head head"]);
      expect(nodesOf(b).filter((node) => ![...match.nodes.values()].includes(node)).map(({ op }) => op).sort()).toEqual(["Add", "Conv", "Conv", "Relu", "Relu"]);
    }
  });

  test.each([["as many", ["a", "new", "c", "d"]], ["fewer", ["a", "new", "d"]], ["in another order", ["b", "a", "c", "d"]]])("where blocks were exchanged and there are %s, weights tell which are which", async (_, list) => {
    const [a, b] = [await open(plain), await open(blocks(list, { prefix: "other" }))], match = await matchModels(a, b);
    const kept = ["a", "b", "c", "d"].filter((block) => list.includes(block));
    expect(idsOf(match).map(([id]) => id)).toEqual(expect.arrayContaining(["stem", ...kept.flatMap((block) => [`${block}1`, `${block}2`]), "head"]));
    for (const [id, other] of idsOf(match)) if (!id.startsWith("b") || kept.includes("b")) expect(other).toBe(`other${id}`);
  });

  test("a block that is gone is the one that was removed", async () => {
    const [a, b] = [await open(plain), await open(blocks(["a", "c", "d"], { prefix: "other" }))], match = await matchModels(a, b);
    expect(named(idsOf(match))).toEqual(["stem otherstem", ...same(["a", "c", "d"]).map((text) => text.replace(" ", " other")), "head otherhead"]);
    expect(nodesOf(a).filter((node) => !match.nodes.has(node)).map(({ op }) => op).sort()).toEqual(["Add", "Conv", "Conv", "Relu", "Relu"]);
  });

  test("where weights are others and names numbered, nobody knows which of the like blocks was added", async () => {
    const [a, b] = [await open(plain), await open(blocks(["a", "b", "new", "c", "d"], { prefix: "other", seed: 9 }))], match = await matchModels(a, b);
    expect(named(idsOf(match))).toEqual(["stem otherstem", "head otherhead"]);
  });

  test("with other numbers of channels it is the same network", async () => {
    const [a, b] = [await open(plain), await open(blocks(["a", "b", "c", "d"], { prefix: "other", inner: 3 }))], match = await matchModels(a, b);
    expect(match.layers.size).toBe(a.layers.length);
    for (const [layer, other] of match.layers) expect(other.id).toBe(`other${layer.id}`);
  });

  test("another kernel between what is as it was is a layer that has changed", async () => {
    const [a, b] = [await open(plain), await open(blocks(["a", "b", "c", "d"], { prefix: "other", kernels: { b1: 5 } }))], match = await matchModels(a, b);
    expect(idsOf(match)).toContainEqual(["b1", "otherb1"]);
    expect(match.layers.size).toBe(a.layers.length);
  });

  test("normalizations that are folded into convolutions are not gone", async () => {
    const [a, b] = [await open(blocks(["a", "b", "c", "d"], { normalized: true })), await open(blocks(["a", "b", "c", "d"], { prefix: "other" }))], match = await matchModels(a, b);
    expect(match.layers.size).toBe(a.layers.length);
    const folded = [...match.folded.before];
    expect(folded.map(([{ op }, into]) => [op, into.op])).toEqual(Array.from({ length: 8 }, () => ["BatchNormalization", "Conv"]));
    expect(nodesOf(a).filter((node) => !match.nodes.has(node) && !match.folded.before.has(node))).toEqual([]);
  });
});

test("networks that have nothing to do with each other are not matched", async () => {
  const [a, b] = [await open(readFileSync("samples/resnet20-cifar10.onnx")), await open(mobile())];
  expect((await matchModels(a, b)).layers.size).toBe(0);
  expect((await matchModels(b, a)).layers.size).toBe(0);
  expect((await matchModels(await open(readFileSync("samples/fashion-cnn.onnx")), a)).layers.size).toBe(0);
  expect((await matchModels(await open(generatedModel(200, 1)), b)).layers.size).toBe(0);
});

test("ten thousand nodes find themselves", async () => {
  const bytes = generatedModel(10_000, 5), other = disguised(bytes, 1);
  if (!other) return;
  const [a, b] = [await open(bytes), await open(other.bytes)], match = await matchModels(a, b);
  for (const [node, partner] of match.nodes) expect(partner.outputs[0]).toBe(other.names.get(node.outputs[0]));
  expect(match.nodes.size).toBe(a.model.graph.nodes.length);
});
