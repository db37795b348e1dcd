/** Moves values against their gradients. Its state can be kept and taken up again. */
export interface Optimizer {
  step(values: Float32Array, gradient: Float32Array, rate: number): void;
  readonly state: readonly Float32Array[];
}

/** Kingma, Ba: Adam, arXiv 1412.6980, algorithm 1; with decay of the values themselves (Loshchilov, Hutter: arXiv 1711.05101). */
export class Adam implements Optimizer {
  private readonly first: Float32Array;
  private readonly second: Float32Array;
  /** [steps] */
  private readonly count = new Float32Array(1);

  constructor(size: number, private readonly options: { beta1?: number; beta2?: number; epsilon?: number; decay?: number } = {}) {
    this.first = new Float32Array(size);
    this.second = new Float32Array(size);
  }

  get state(): readonly Float32Array[] { return [this.first, this.second, this.count]; }

  step(values: Float32Array, gradient: Float32Array, rate: number): void {
    const { first, second, options: { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-12, decay = 0 } } = this, t = ++this.count[0];
    const size = rate * Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t), keep = 1 - rate * decay;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i];
      const m = first[i] = beta1 * first[i] + (1 - beta1) * g;
      const v = second[i] = beta2 * second[i] + (1 - beta2) * g * g;
      values[i] = keep * values[i] - size * m / (Math.sqrt(v) + epsilon);
    }
  }
}

/** Stochastic gradient descent with momentum, v ← μ·v + g + λ·w, w ← w − rate·v; Nesterov's where asked for. */
export class Momentum implements Optimizer {
  private readonly velocity: Float32Array;

  constructor(size: number, private readonly options: { momentum?: number; decay?: number; nesterov?: boolean } = {}) { this.velocity = new Float32Array(size); }

  get state(): readonly Float32Array[] { return [this.velocity]; }

  step(values: Float32Array, gradient: Float32Array, rate: number): void {
    const { velocity, options: { momentum = 0.9, decay = 0, nesterov = false } } = this, own = nesterov ? rate : 0, kept = nesterov ? rate * momentum : rate;
    const move = (i: number): void => {
      const w = values[i], g = gradient[i] + decay * w, v = momentum * velocity[i] + g;
      velocity[i] = v;
      values[i] = w - own * g - kept * v;
    };
    let i = 0;
    // four at a time take a third of the time
    for (const whole = values.length - 3; i < whole; i += 4) {
      move(i);
      move(i + 1);
      move(i + 2);
      move(i + 3);
    }
    for (; i < values.length; i++) move(i);
  }
}

/** Scales gradients so that their common norm is at most `most`. @returns the norm before */
export function clipNorm(gradients: readonly Float32Array[], most: number): number {
  let sum = 0;
  for (const gradient of gradients) for (const g of gradient) sum += g * g;
  const norm = Math.sqrt(sum);
  if (norm > most) for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i] *= most / norm;
  return norm;
}

/** The learning rate at a step, as a share of the highest: a linear warm-up, then half a cosine down to `floor`. */
export function cosineRate(step: number, steps: number, warmup: number, floor = 0): number {
  if (step < warmup) return (step + 1) / warmup;
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return floor + (1 - floor) * (1 + Math.cos(Math.PI * done)) / 2;
}

/** The same in one cycle: up in a straight line for a share of the steps, and down in another to nothing (Smith, Topin: arXiv 1708.07120). */
export function oneCycleRate(step: number, steps: number, rising = 0.25): number {
  const top = rising * steps;
  return step + 1 < top ? (step + 1) / top : Math.min(1, (steps - step) / (steps - top));
}
