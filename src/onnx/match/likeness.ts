import type { ConstantCache } from "../constants";
import { readWeight, type Layer } from "../layers";
import type { Model } from "../model";

/** So many weights are held for this at most; of larger layers, and once there are more, nothing is known. */
const MOST = 64e6;

/** Tells how alike the weights of layers of two models are; weights are read once. */
export class Likeness {
  private readonly known = new Map<Layer, Promise<Float32Array | undefined>>();
  private readonly caches = new Map<Model, ConstantCache>();
  private left = MOST;

  constructor(private readonly before: Model, private readonly after: Model) {}

  /** Mean |cosine| between the output channels of two weights of one shape, whatever their scales: what is folded into them does not matter. NaN where one of them is not known. */
  async between(a: Layer, b: Layer): Promise<number> {
    if (a.dims.join() !== b.dims.join() || a.outputAxis !== b.outputAxis) return NaN;
    const [x, y] = [await this.weight(this.before, a), await this.weight(this.after, b)];
    return x && y && x.length === y.length ? meanCosine(x, y, a) : NaN;
  }

  private weight(model: Model, layer: Layer): Promise<Float32Array | undefined> {
    let cache = this.caches.get(model), weight = this.known.get(layer);
    if (!cache) this.caches.set(model, cache = new Map());
    if (!weight) {
      const hasRoom = layer.parameters <= this.left;
      if (hasRoom) this.left -= layer.parameters;
      this.known.set(layer, weight = hasRoom ? readWeight(model, layer, cache).catch(() => undefined) : Promise.resolve(undefined));
    }
    return weight;
  }
}

function meanCosine(x: Float32Array, y: Float32Array, { dims, outputAxis }: Layer): number {
  const outputs = dims[outputAxis], inner = dims.slice(2).reduce((a, b) => a * b, 1), xy = new Float64Array(outputs), xx = new Float64Array(outputs), yy = new Float64Array(outputs);
  for (let i = 0; i < x.length; i++) {
    const kernel = Math.floor(i / inner), m = outputAxis === 0 ? Math.floor(kernel / dims[1]) : kernel % dims[1];
    xy[m] += x[i] * y[i];
    xx[m] += x[i] ** 2;
    yy[m] += y[i] ** 2;
  }
  let sum = 0, count = 0;
  for (let m = 0; m < outputs; m++) if (xx[m] > 0 && yy[m] > 0) {
    sum += Math.abs(xy[m]) / Math.sqrt(xx[m] * yy[m]);
    count++;
  }
  return count ? sum / count : NaN;
}
