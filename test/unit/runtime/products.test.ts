import { expect, test } from "vitest";
import { nodeRuntime } from "../../../src/runtime/node";
import { Products } from "../../../src/runtime/products";
import { wave } from "../onnx/models";

test.each([1024, 1025])("the square of a wide matrix in parts is the product with itself, n = %i", async (n) => {
  const products = new Products(nodeRuntime, 1), x = Float32Array.from(wave(5 * n, 2)), square = await products.squared(x, 5), whole = await products.transposed(x, x, 5);
  expect(square.length).toBe(n * n);
  let largest = 0;
  square.forEach((v, i) => { largest = Math.max(largest, Math.abs(v - whole[i])); });
  expect(largest).toBeLessThan(1e-5);
  await products.close();
});
