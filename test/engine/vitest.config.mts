import unit from "../../vitest.config.mts";
import { longestFirst } from "../helpers/longest.mts";

const sequencer = longestFirst(["tune", "front", "resume", "wavelet", "prune", "cli", "integers", "product", "webgpu", "external", "sharing", "compress"]);

/** Whole jobs of the engine: compressions, kills, failures, other builds of onnxruntime. */
export default { ...unit, test: { ...unit.test, include: ["test/engine/**/*.test.ts"], globalSetup: ["test/helpers/compress.ts", "test/helpers/trained.ts"], isolate: true, sequence: { sequencer }, testTimeout: 1_800_000, hookTimeout: 1_800_000 } }; // for what hangs: where the workbench is tested meanwhile, jobs have what it leaves
