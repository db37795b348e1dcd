import { expect, test } from "vitest";
import { askedOf, isSame, traitsBeside } from "../../../src/editor/asked";

const of = (recipe: object, more: object = {}) => askedOf({ model: "/m.onnx", recipe: "/r/a.kernelscope.json", recipeText: JSON.stringify(recipe), ...more });
const plain = { version: 1, model: "./m.onnx", target: "40KB", data: { folder: "./images" } };

test("the same is asked for in other words, by a recipe or without one", () => {
  expect(isSame(of(plain), of({ data: { folder: "../r/images" }, target: "40 KB", tune: "none", inference: "float", seed: 1, device: "cpu", layers: {} }))).toBe(true);
  expect(isSame(of(plain), askedOf({ model: "/m.onnx", target: "40KB", data: "/r/images", tune: "none" }))).toBe(true);
  expect(isSame(of({ ...plain, tune: { duration: "30m" } }), of(plain, { tune: "30m" }))).toBe(true);
  expect(isSame(of({ a: { b: 1, c: 2 } }), of({ a: { c: 2, b: 1 } }))).toBe(true);
});

test("another size, or anything else, is something else; of another size it can be compared", () => {
  const own = of(plain), others = [{ target: "41KB" }, { preset: "smallest", target: undefined }, { tune: { steps: 5 } }, { prune: { compute: 0.5 } }, { inference: "integer" }, { layers: { a: { pin: "leave" } } }, { data: { folder: "./others" } }, { trim: false }].map((more) => of({ ...plain, ...more }));
  expect(others.map((other) => isSame(other, own))).toEqual(others.map(() => false));
  expect(others.map((other) => traitsBeside(other, own))).toEqual([[], [], ["trained"], ["channels"], ["integers"], ["layers"], ["images"], ["settings"]]);
  expect(traitsBeside(own, others[2])).toEqual(["untrained"]);
  expect(traitsBeside(own, others[4])).toEqual(["floats"]);
  const longer = of({ ...plain, tune: { steps: 50 } });
  expect([traitsBeside(longer, others[2]), traitsBeside(longer, others[2], true), traitsBeside(longer, own, true)]).toEqual([["training"], [], []]);
  expect([traitsBeside(undefined, own), isSame(undefined, undefined), askedOf({ model: "m", recipeText: "{" })]).toEqual([["unknown"], false, undefined]);
});
