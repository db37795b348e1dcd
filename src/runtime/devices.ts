import { buildModel } from "../onnx/build";
import { DataType } from "../onnx/tensor";
import type { Device } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";
import type { AnyTensor, Runtime, Session, SessionOptions } from "./runtime";

/** A model on the device it runs on, and why there. */
export interface Placed { session: Session; note?: string }

/** On a GPU nothing is won by work that takes the CPU no longer than this: starting one takes seconds. */
const WORTH_SECONDS = 10;
/** Outputs of a device may differ from the CPU's by this share of their largest value. */
const TOLERANCE = 1e-3;

/**
 * Opens a model on the device asked for. "auto" takes the first GPU that computes on `probe` what the CPU computes, and in less time; otherwise the CPU.
 * @param runs how often something like the probe is to be run
 * @throws KernelscopeError "runtime" where a device that was asked for by name is not there or computes something else
 */
export async function openOn(runtime: Runtime, model: string, options: SessionOptions, probe: Record<string, AnyTensor>, runs: number): Promise<Placed> {
  const { device: wanted = "auto" } = options;
  const cpu = await runtime.open(model, { ...options, device: "cpu" });
  if (wanted === "cpu" || (wanted === "auto" && (!runtime.devices.length || runs * await secondsOf(cpu, probe) < WORTH_SECONDS))) return { session: cpu };
  const reasons: string[] = [];
  for (const device of wanted === "auto" ? runtime.devices : [wanted]) {
    const session = await trusted(runtime, model, { ...options, device }, cpu, probe, wanted === "auto");
    if (typeof session !== "string") {
      await cpu.release();
      return { session };
    }
    if (session) reasons.push(`${device} ${session}`);
  }
  if (wanted === "auto") return { session: cpu, note: reasons.length ? `Ran on the CPU: ${reasons.join(", ")}.` : undefined };
  await cpu.release();
  throw new KernelscopeError("runtime", `This model cannot run on ${wanted}: ${reasons.length ? `it ${reasons[0].slice(wanted.length + 1)}` : NOT_THERE}. Choose auto or cpu.`);
}

const NOT_THERE = "there is no such device, or onnxruntime has no support for it here";

/** Finds out before any work whether a device that is asked for by name is there, by the smallest model of all. @throws KernelscopeError "runtime" */
export async function checkDevice(runtime: Runtime, device: Device | "auto" | undefined): Promise<void> {
  if (device === undefined || device === "auto" || device === "cpu") return;
  const value = (name: string) => ({ name, type: DataType.FLOAT, shape: [1] }), model = buildModel({ nodes: [{ op: "Neg", inputs: ["x"], outputs: ["y"] }], inputs: [value("x")], outputs: [value("y")] });
  const session = await runtime.open(model, { device }).catch(() => undefined);
  if (!session) throw new KernelscopeError("runtime", `This model cannot run on ${device}: ${NOT_THERE}. Choose auto or cpu.`);
  await session.release();
}

/** A session that computes what the CPU does (and, where `faster` is asked for, in less time), or what is the matter with the device: "" where it is not there. */
async function trusted(runtime: Runtime, model: string, options: SessionOptions, cpu: Session, probe: Record<string, AnyTensor>, faster: boolean): Promise<Session | string> {
  const session = await runtime.open(model, options).catch(() => undefined);
  if (!session) return "";
  let problem: string | undefined;
  try {
    const difference = largestDifference(await cpu.run(probe), await session.run(probe));
    if (!(difference <= TOLERANCE)) problem = `differs from the CPU by ${(100 * difference).toPrecision(2)} % of the outputs`;
    else if (faster && await secondsOf(session, probe) > await secondsOf(cpu, probe)) problem = "is slower";
  } catch (error) {
    problem = `fails (${error instanceof Error ? error.message : String(error)})`;
  }
  if (problem === undefined) return session;
  await session.release();
  return problem;
}

/** The largest difference of two models' outputs, as a share of the largest output. */
export function largestDifference(a: Record<string, { data: Float32Array }>, b: Record<string, { data: Float32Array }>): number {
  let difference = 0, peak = 0;
  for (const [name, { data }] of Object.entries(a)) {
    const other = b[name]?.data;
    if (other?.length !== data.length) return Infinity;
    for (let i = 0; i < data.length; i++) {
      peak = Math.max(peak, Math.abs(data[i]));
      const d = Math.abs(data[i] - other[i]);
      if (!(d <= difference)) difference = d;
    }
  }
  return difference / (peak || 1);
}

async function secondsOf(session: Session, probe: Record<string, AnyTensor>): Promise<number> {
  const start = performance.now();
  await session.run(probe);
  return (performance.now() - start) / 1000;
}
