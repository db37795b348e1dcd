import { integerMethod } from "./integer";
import { kernelMethod } from "./kernel";
import type { CompressionMethod } from "./method";
import { productMethod } from "./product";
import { sparseMethod } from "./sparse";
import { waveletMethod } from "./wavelet";

/** Every method that the product has; menus, recipes, the planner and the views read this list and nothing else. */
export const methods: readonly CompressionMethod[] = [kernelMethod, productMethod, integerMethod, sparseMethod, waveletMethod];

/** The method of this id. @throws RangeError for an unknown one */
export function methodById(id: string): CompressionMethod {
  const method = methods.find((m) => m.id === id);
  if (!method) throw new RangeError(`There is no method "${id}". The methods are ${methods.map((m) => m.id).join(", ")}.`);
  return method;
}
