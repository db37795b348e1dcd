import type { Device } from "../protocol/api";
import { KernelscopeError } from "../protocol/errors";

/** A step at the beginning of a training. */
export interface Trial { gradients: readonly Float32Array[]; seconds: number }
/** Where to train, and why there. */
export interface Place { device: Device; note?: string }

/** A device that can be tried. */
export interface Candidate { /** Without time where nothing hangs on it. */ trial(isTimed: boolean): Promise<Trial>; release(): Promise<void> }

export interface PlaceOptions {
  /** What was asked for. */
  wanted: Device;
  /** What there may be beside the CPU, the most promising first. */
  devices: readonly Device[];
  length: { steps: number } | { seconds: number };
  /** Fails where there is no such device. */
  open(device: Device): Promise<Candidate>;
}

/** On a GPU nothing is won by a training that takes the CPU no longer than this: making its programs takes as long. */
const WORTH_SECONDS = 60;
/** So few steps take no longer on any processor that a person would wait for. */
const FEW_STEPS = 50;
/** Gradients of a device may differ from the CPU's by this share; rounding alone makes up to a third of a per cent. */
const TOLERANCE = 0.02;

/**
 * Chooses a device by trying one step. "auto" takes the GPU that computes the CPU's gradients in the least time, if that is less than the CPU's.
 * @throws KernelscopeError "runtime" where a device that was asked for by name is not there, fails or computes something else
 */
export async function choosePlace({ wanted, devices, length, open }: PlaceOptions): Promise<Place> {
  const isFree = wanted === "auto";
  if (wanted === "cpu" || (isFree && isShort(length))) return { device: "cpu" };
  const there = await those(isFree ? devices : [wanted], open);
  if (!there.length && isFree) return { device: "cpu" };
  if (!there.length) throw refusal(wanted, "there is no such device, or onnxruntime has no support for it here");
  try {
    const cpu = await tried(await open("cpu"), isFree), whole = "steps" in length ? length.steps * cpu.seconds : length.seconds, reasons: string[] = [];
    if (isFree && whole < WORTH_SECONDS) return { device: "cpu" };
    let best: { device: Device; seconds: number } = { device: "cpu", seconds: isFree ? cpu.seconds : Infinity };
    for (const { device, candidate } of there) {
      const found = await candidate.trial(isFree).catch((error: unknown) => `fails (${error instanceof Error ? error.message : String(error)})`), problem = typeof found === "string" ? found : problemOf(found, cpu, best.seconds);
      if (typeof found === "string" || problem !== undefined) reasons.push(`${device} ${problem}`);
      else best = { device, seconds: found.seconds };
    }
    if (best.seconds === Infinity) throw refusal(wanted, `it ${reasons[0].slice(wanted.length + 1)}`);
    return { device: best.device, note: best.device === "cpu" && reasons.length ? `Trained on the CPU: ${reasons.join(", ")}.` : undefined };
  } finally {
    for (const { candidate } of there) await candidate.release();
  }
}

const isShort = (length: PlaceOptions["length"]): boolean => ("steps" in length ? length.steps < FEW_STEPS : length.seconds < WORTH_SECONDS);

const refusal = (device: Device, reason: string) => new KernelscopeError("runtime", `This model cannot be trained on ${device}: ${reason}. Choose auto or cpu.`);

/** The devices that open. */
async function those(devices: readonly Device[], open: PlaceOptions["open"]): Promise<{ device: Device; candidate: Candidate }[]> {
  const found: { device: Device; candidate: Candidate }[] = [];
  for (const device of devices) {
    const candidate = await open(device).catch(() => undefined);
    if (candidate) found.push({ device, candidate });
  }
  return found;
}

async function tried(candidate: Candidate, isTimed: boolean): Promise<Trial> {
  try {
    return await candidate.trial(isTimed);
  } finally {
    await candidate.release();
  }
}

function problemOf(found: Trial, cpu: Trial, seconds: number): string | undefined {
  const difference = differenceOf(found, cpu);
  if (!(difference <= TOLERANCE)) return `has gradients that differ from the CPU's by ${Number((100 * difference).toPrecision(2))} %`;
  return found.seconds < seconds ? undefined : `takes ${milliseconds(found)} ms for a step, the CPU ${milliseconds(cpu)}`;
}

const milliseconds = ({ seconds }: Trial): string => (1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0);

/** Of all gradients together, as a share of them. */
function differenceOf(a: Trial, b: Trial): number {
  let difference = 0, energy = 0;
  b.gradients.forEach((gradient, at) => {
    for (let i = 0; i < gradient.length; i++) {
      difference += (gradient[i] - (a.gradients[at]?.[i] ?? NaN)) ** 2;
      energy += gradient[i] ** 2;
    }
  });
  return Math.sqrt(difference / (energy || 1));
}
