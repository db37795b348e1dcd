import path from "node:path";
import { runJob } from "../../src/worker/process";
import train, { TRAINED } from "../helpers/trained";

/** A user's cache with the ratings of the sample, and of the small one that is trained for tests, on their images; of the latter for a training too. What is left there from another build is not looked at. */
export const RATED = path.resolve(".cache/rated");

/** Makes it before the first test, by the process that the extension has for that. */
export default async function rate(): Promise<void> {
  const own = process.env.XDG_CACHE_HOME, sample = { model: path.resolve("samples/fashion-cnn.onnx"), data: path.resolve("samples/fashion-mnist") };
  await train();
  process.env.XDG_CACHE_HOME = RATED;
  try {
    for (const request of [sample, TRAINED, { ...TRAINED, tune: "1steps" }]) await runJob(path.resolve("dist/worker.js"), () => undefined, new AbortController().signal, async (api, signal) => {
      await api.plan(request, false, () => undefined, signal);
      await api.tryPlans(request, () => undefined, signal);
    });
  } finally {
    if (own === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = own;
  }
}
