import { expect, test } from "vitest";
import type { Device } from "../../../src/protocol/api";
import { choosePlace, type Trial } from "../../../src/training/device";

const GRADIENTS = [Float32Array.of(3, -4), Float32Array.of(12)];
const trialOf = (seconds: number, factor = 1): Trial => ({ seconds, gradients: GRADIENTS.map((gradient) => gradient.map((v) => factor * v)) });

/** A choice among devices that do as they are told here, and those that were tried. */
async function choose(trials: Partial<Record<Device, Trial | Error>>, options: { wanted?: Device; devices?: Device[]; length?: { steps: number } | { seconds: number } } = {}) {
  const tried: Device[] = [];
  let opened = 0;
  const place = await choosePlace({
    wanted: "auto", devices: ["cuda", "webgpu"], length: { steps: 1000 }, ...options,
    open: async (device) => {
      const result = trials[device];
      if (!result) throw new Error("there is none");
      opened++;
      return {
        trial: async () => {
          tried.push(device);
          if (result instanceof Error) throw result;
          return result;
        },
        release: async () => { opened--; },
      };
    },
  });
  expect(opened).toBe(0);
  return { ...place, tried };
}

test("the fastest device with the CPU's gradients trains", async () => {
  expect(await choose({ cpu: trialOf(1), cuda: trialOf(0.5), webgpu: trialOf(0.2) })).toEqual({ device: "webgpu", note: undefined, tried: ["cpu", "cuda", "webgpu"] });
  expect(await choose({ cpu: trialOf(1), cuda: trialOf(0.5, 1.01), webgpu: trialOf(0.7) })).toMatchObject({ device: "cuda", note: undefined });
});

test("what is slower, fails or computes something else is left, and it is said why", async () => {
  const { device, note } = await choose({ cpu: trialOf(0.1), cuda: new Error("out of memory"), webgpu: trialOf(0.25) });
  expect(device).toBe("cpu");
  expect(note).toBe("Trained on the CPU: cuda fails (out of memory), webgpu takes 250 ms for a step, the CPU 100.");
  expect((await choose({ cpu: trialOf(1), webgpu: trialOf(0.1, 1.1) }, { devices: ["webgpu"] })).note).toBe("Trained on the CPU: webgpu has gradients that differ from the CPU's by 10 %.");
  expect((await choose({ cpu: trialOf(1), webgpu: trialOf(0.1, NaN) }, { devices: ["webgpu"] })).device).toBe("cpu");
});

test("nothing is tried where nothing is to be won", async () => {
  expect(await choose({}, { devices: [] })).toEqual({ device: "cpu", tried: [] });
  expect(await choose({})).toEqual({ device: "cpu", tried: [] });
  expect(await choose({}, { wanted: "cpu" })).toEqual({ device: "cpu", tried: [] });
  expect(await choose({ cpu: trialOf(0.01), webgpu: trialOf(0.001) }, { length: { steps: 100 } })).toEqual({ device: "cpu", tried: ["cpu"] });
  expect(await choose({ cpu: trialOf(1), webgpu: trialOf(0.1) }, { length: { steps: 40 } })).toEqual({ device: "cpu", tried: [] });
  expect(await choose({ cpu: trialOf(1), webgpu: trialOf(0.1) }, { length: { seconds: 30 } })).toEqual({ device: "cpu", tried: [] });
  expect((await choose({ cpu: trialOf(0.01), webgpu: trialOf(0.005) }, { length: { seconds: 600 }, devices: ["webgpu"] })).device).toBe("webgpu");
});

test("a device asked for by name trains even if it is slower, or says what is the matter", async () => {
  expect(await choose({ cpu: trialOf(0.1), webgpu: trialOf(5) }, { wanted: "webgpu", length: { steps: 3 } })).toMatchObject({ device: "webgpu", tried: ["cpu", "webgpu"] });
  await expect(choose({ cpu: trialOf(1) }, { wanted: "dml" })).rejects.toThrow("This model cannot be trained on dml: there is no such device");
  await expect(choose({ cpu: trialOf(1), dml: trialOf(1, 2) }, { wanted: "dml" })).rejects.toThrow("it has gradients that differ from the CPU's by 100 %. Choose auto or cpu.");
});
