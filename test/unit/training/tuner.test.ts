import { expect, test } from "vitest";
import { encodeClassifier, INPUT, LOGITS, NETWORKS } from "../../../bench/networks";
import { Random } from "../../../src/numeric/random";
import { nodeRuntime } from "../../../src/runtime/node";
import type { Tensor } from "../../../src/runtime/runtime";
import { readNetwork, type Network } from "../../../src/training/network";
import { Vector } from "../../../src/training/trainable";
import { Tuner, type TeachingBatch, type TunerOptions, type TunerState } from "../../../src/training/tuner";
import { open } from "../onnx/models";

const BATCH = 8, SHAPE = [3, 8, 8], STEPS = 12;

function samples(seed: number): Tensor {
  const random = new Random(seed, 7);
  return { dims: [BATCH, ...SHAPE], data: Float32Array.from({ length: BATCH * 192 }, () => random.next() - 0.5) };
}

/** A network whose normalizations have been moved off what the original has, and its trainables. */
async function student(rate: number, Kind = Vector): Promise<{ network: Network; trainables: Vector[] }> {
  const { weights, ...rest } = NETWORKS.resnet8({ shape: SHAPE, classes: 10, seed: 3 }), vectors = [...weights].filter(([name]) => /bn\d|bias|downsample.1/.test(name) && !name.includes("running"));
  const network = await readNetwork(await open(encodeClassifier({ weights, ...rest })), { name: INPUT, dims: [BATCH, ...SHAPE] }, [LOGITS], vectors.map(([name]) => name));
  return { network, trainables: vectors.map(([name, { dims, data }], i) => new Kind({ name, dims }, data.map((v, j) => v * (1 + 0.3 * Math.sin(i + 3 * j))), rate)) };
}

/** What the original makes of samples. */
async function lessons(): Promise<(seed: number) => Promise<TeachingBatch>> {
  const session = await nodeRuntime.open(encodeClassifier(NETWORKS.resnet8({ shape: SHAPE, classes: 10, seed: 3 })), { threads: 1 });
  return async (seed) => ({ samples: samples(seed), teacher: [(await session.run({ [INPUT]: samples(seed) }))[LOGITS]] });
}

async function tune(options: Partial<TunerOptions> = {}, rate = 0.05, Kind = Vector) {
  const { network, trainables } = await student(rate, Kind), teach = await lessons(), held = [{ ...await teach(1000), count: BATCH }, { ...await teach(1001), count: BATCH }];
  const tuner = new Tuner({ runtime: nodeRuntime, threads: 1, network, trainables, objective: { kind: "distillation", temperature: 2 }, statistics: "fixed", batch: teach, held, length: { steps: STEPS }, looks: STEPS / 4, ...options });
  const result = await tuner.run();
  return { ...result, values: trainables.map((one) => one.values().slice()) };
}

test("a student comes nearer to the original, and ends at its best", async () => {
  const looks = new Map<number, number>(), { first, best, bestStep, steps } = await tune({ onProgress: ({ step, held }) => { if (held) looks.set(step, held.loss); } });
  expect(steps).toBe(STEPS);
  // as many samples as two steps have are looked at: after every sixth step, and more often before the first of these
  expect([...looks.keys()]).toEqual([2, 4, 6, 12]);
  expect(best.loss).toBe(Math.min(...looks.values()));
  expect(looks.get(bestStep)).toBe(best.loss);
  expect(best.loss).toBeLessThan(first.loss / 2);
});

test("where the rate is too high, a training goes on from its best with a lower one", async () => {
  const states: TunerState[] = [], looks: number[] = [], save = async (state: TunerState) => { states.push(structuredClone(state)); };
  const { first, best } = await tune({ length: { steps: 60 }, checkpoint: { load: async () => undefined, save }, onProgress: ({ held }) => { if (held) looks.push(held.loss); } }, 3);
  expect(looks[0]).toBeGreaterThan(2 * first.loss);
  expect(states[0].lowered).toBe(0);
  expect(best.loss).toBeLessThan(first.loss / 2);
});

/** Numbers that now and then change their signs on trial. */
class Restless extends Vector {
  static verdicts: boolean[] = [];
  private steps = 0;

  leap(): boolean {
    if (++this.steps % 4) return false;
    this.swap();
    return true;
  }
  swap(): void { this.values().forEach((v, i, values) => { values[i] = -v; }); }
  judge(isGood: boolean): void {
    if (this.steps % 4) return;
    Restless.verdicts.push(isGood);
    if (isGood) this.swap();
  }
}

test("what is changed on trial and loses more is taken back, as if it had never been", async () => {
  Restless.verdicts = [];
  const tried = await tune({}, 0.05, Restless), plain = await tune();
  expect(Restless.verdicts.length).toBeGreaterThan(2);
  expect(Restless.verdicts).not.toContain(true);
  expect(tried.values).toEqual(plain.values);
  expect(tried.best).toEqual(plain.best);
});

test("a training that was cut off goes on to the same end", async () => {
  const states = new Map<number, TunerState>(), stop = new AbortController(), whole = await tune();
  // the arrays that it gives are the ones it goes on with
  const save = async (state: TunerState) => { states.set(state.step, structuredClone(state)); };
  const part = await tune({ checkpoint: { load: async () => undefined, save }, onProgress: ({ step }) => { if (step === 6) stop.abort(); }, stop: stop.signal });
  expect([whole, part].map(({ steps, planned }) => [steps, planned])).toEqual([[STEPS, STEPS], [6, STEPS]]);
  // keeping takes a small share of the time, so not every step is kept; the first two are
  expect([...states.keys()].slice(0, 2)).toEqual([0, 1]);
  const resumed = await tune({ checkpoint: { load: async () => states.get(1), save: async () => undefined } });
  expect(resumed.values).toEqual(whole.values);
  expect(resumed.best).toEqual(whole.best);
});

test("a time is turned into steps, with a small share of it for looks at what is held out", async () => {
  // a look at so many samples takes as long as several steps
  const one = { ...await (await lessons())(1000), count: BATCH }, held = Array.from({ length: 20 }, () => one);
  const seen: { step: number; held: boolean }[] = [], { steps } = await tune({ held, length: { seconds: 1 }, looks: 1000, onProgress: ({ step, held }) => { seen.push({ step, held: held !== undefined }); } });
  const looks = seen.filter(({ held }) => held);
  expect(seen).toHaveLength(steps);
  expect(looks.at(-1)!.step).toBe(steps);
  // some early ones beside those that come as a rule
  expect(looks.length).toBeLessThanOrEqual(4 + steps / 4);
});
