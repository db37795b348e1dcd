import { describe, expect, test } from "vitest";
import type { Device } from "../../../src/protocol/api";
import { openOn } from "../../../src/runtime/devices";
import type { Runtime, Session } from "../../../src/runtime/runtime";

/** A runtime whose devices compute 2·x, some of them wrongly, slowly or not at all. */
function runtimeWith(devices: Partial<Record<Device, { factor?: number; milliseconds?: number; missing?: boolean }>>): { runtime: Runtime; open: Set<string> } {
  const open = new Set<string>();
  const runtime: Runtime = {
    devices: Object.keys(devices).filter((name) => name !== "cpu") as Device[],
    async open(_model, { device = "cpu" } = {}): Promise<Session> {
      const { factor = 2, milliseconds = 20, missing } = devices[device] ?? {};
      if (missing) throw new Error("no adapter");
      open.add(device);
      return {
        inputNames: ["x"], outputNames: ["y"], device,
        async run({ x }) {
          await new Promise((done) => setTimeout(done, milliseconds));
          return { y: { dims: x.dims, data: Float32Array.from(x.data as Float32Array, (v) => factor * v) } };
        },
        release: async () => { open.delete(device); },
      };
    },
  };
  return { runtime, open };
}

const probe = { x: { dims: [3], data: Float32Array.of(1, -2, 3) } };
const place = async (devices: Parameters<typeof runtimeWith>[0], device?: Device, runs = 1e4) => {
  const { runtime, open } = runtimeWith(devices);
  const placed = await openOn(runtime, "model", { device }, probe, runs);
  expect([...open]).toEqual([placed.session.device]); // everything else is released
  return { device: placed.session.device, note: placed.note };
};

describe("the choice of a device", () => {
  test("takes a GPU that agrees and is faster", async () => {
    expect(await place({ cpu: { milliseconds: 60 }, webgpu: { milliseconds: 5 } })).toEqual({ device: "webgpu", note: undefined });
  });
  test("passes over what is missing, and what is wrong or slower, saying so", async () => {
    const { device, note } = await place({ cpu: { milliseconds: 10 }, cuda: { missing: true }, dml: { factor: 2.1, milliseconds: 1 }, webgpu: { milliseconds: 400 } });
    expect(device).toBe("cpu");
    expect(note).toBe("Ran on the CPU: dml differs from the CPU by 5.0 % of the outputs, webgpu is slower.");
  });
  test("is the CPU without a word where there is nothing else", async () => {
    expect(await place({ cpu: {} })).toEqual({ device: "cpu", note: undefined });
    expect(await place({ cpu: {}, webgpu: { missing: true } })).toEqual({ device: "cpu", note: undefined });
  });
  test("is the CPU for little work", async () => {
    expect(await place({ cpu: { milliseconds: 60 }, webgpu: { milliseconds: 5 } }, "auto", 20)).toEqual({ device: "cpu", note: undefined });
  });
  test("a device asked for by name may be slow, but not wrong and not missing", async () => {
    expect(await place({ cpu: { milliseconds: 1 }, webgpu: { milliseconds: 30 } }, "webgpu")).toEqual({ device: "webgpu", note: undefined });
    const { runtime, open } = runtimeWith({ cuda: { factor: NaN }, webgpu: { missing: true } });
    await expect(openOn(runtime, "model", { device: "cuda" }, probe, 1)).rejects.toThrow(/cannot run on cuda: it differs from the CPU/);
    await expect(openOn(runtime, "model", { device: "webgpu" }, probe, 1)).rejects.toThrow(/cannot run on webgpu: there is no such device/);
    expect([...open]).toEqual([]);
  });
});
