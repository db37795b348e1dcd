import { expect, test } from "vitest";
import type { LayerRow } from "../../../src/protocol/api";
import type { ComparedLayer } from "../../../src/protocol/compare";
import { rowNames, sizeBeside } from "../../../webview/compare/names";
import { namesWithin, shortNames } from "../../../webview/names";

const row = (label: string): LayerRow => ({ name: `${label}.weight`, label, op: "Conv", shape: [], dataType: "float32", parameters: 1, bytes: 4, bitsPerWeight: 32, consumers: [] });
const layer = (before: string | undefined, after: string | undefined): ComparedLayer => ({ id: before ?? after ?? "", label: before ?? after ?? "", ...(before !== undefined && { before: row(before) }), ...(after !== undefined && { after: row(after) }) });

test("layers that were added are called as the others are, without what stands before all names of their model", () => {
  expect(rowNames([layer("stem", "model/stem"), layer("a", "model/a"), layer(undefined, "model/new"), layer("gone", undefined)])).toEqual(["stem", "a", "new", "gone"]);
});

test("nothing is taken away where most layers keep their names, or where another layer has the short one", () => {
  expect(rowNames([layer("stem", "model/stem"), layer("a", "a"), layer("b", "b"), layer(undefined, "model/new")])[3]).toBe("model/new");
  expect(rowNames([layer("stem", "model/stem"), layer("a", "model/a"), layer("new", undefined), layer(undefined, "model/new")])[3]).toBe("model/new");
  expect(rowNames([layer("stem", "stem"), layer(undefined, "new")])[1]).toBe("new");
});

test("names lose what most dotted ones begin with, up to a dot or a number", () => {
  expect(shortNames(["conv1", "layer1.0.conv1", "layer2.1.conv2", "linear"])).toEqual(["conv1", "1.0.conv1", "2.1.conv2", "linear"]);
  expect(shortNames(["stem.0", "layers.0.c1", "layers.10.c2"])).toEqual(["stem.0", "0.c1", "10.c2"]);
  expect(shortNames(["layers.0.c1", "layers.10.c2", "fc"])).toEqual(["0.c1", "10.c2", "fc"]);
  expect(shortNames(["0", "3"])).toEqual(["0", "3"]);
});

test("a size stands behind a name only where enough of the name is left", () => {
  const width = (text: string): number => 6 * text.length, beside = (name: string, room: number) => sizeBeside(name, "36.9 KB", room, width);
  expect(beside("3", 60)).toBe("36.9 KB"); // 42 for the size, 8 between them, 10 left for 6
  expect(beside("3", 54)).toBe("");
  expect(beside("layer1.0.conv1", 73)).toBe("");
  expect(beside("layer1.0.conv1", 74)).toBe("36.9 KB"); // the name is shortened, but says something
});

test("names are whole where all fit; they are cut so that they stay different", () => {
  const width = (text: string): number => 6 * text.length, within = (labels: string[], letters: number) => namesWithin(labels, () => 6 * letters, width);
  const resnet = ["conv1", "layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1", "linear"];
  expect(within(resnet, 14)).toEqual(resnet);
  expect(within(resnet, 13)).toEqual(["conv1", "1.0.conv1", "2.0.conv1", "3.0.conv1", "linear"]);
  expect(within(resnet, 7)).toEqual(["conv1", "1…conv1", "2…conv1", "3…conv1", "linear"]);
  expect(within(["encoder.deep.conv", "decoder.deep.conv", "fc"], 11)).toEqual(["e…deep.conv", "d…deep.conv", "fc"]);
  expect(within(["a", "a.b.c.d.e.conv_one", "a.b.c.d.e.conv_two"], 6)).toEqual(["a", "…v_one", "…v_two"]);
  expect(within(["same.name", "same.name"], 4)).toHaveLength(2); // nothing can tell them from each other
});
