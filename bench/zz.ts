import { readFileSync, writeFileSync } from "node:fs";
import { nodeHost } from "../src/worker/host";
import { asIntegers, bytesOf, checkSteps } from "../test/helpers/integers";
async function main() {
  const host = await nodeHost({ threads: 1, scripts: "dist" });
  for (const [f, h, w] of [["cls", 48, 192], ["rec", 48, 320], ["det", 160, 160]] as const) {
    const file = `/tmp/ocr/package/assets/${f === "cls" ? "ch_ppocr_mobile_v2.0_cls" : `ch_PP-OCRv4_${f}`}_infer.onnx`;
    const bytes = readFileSync(file);
    const samples = [1, 2].map((s) => ({ dims: [2, 3, h, w], data: Float32Array.from({ length: 2 * 3 * h * w }, (_, i) => Math.sin(i * 0.01 * s) * Math.cos(i * 0.37) ) }));
    const t = performance.now();
    const { model, plan } = await asIntegers(bytes, "x", samples, host, "meanSquaredError");
    const kinds: Record<string, number> = {};
    for (const [n, k] of plan.kinds) kinds[`${k} ${n.op}`] = (kinds[`${k} ${n.op}`] ?? 0) + 1;
    console.log(f, ((performance.now() - t) / 1000).toFixed(1), "s", kinds, [...plan.floats].map(([n, r]) => `${n.op}: ${r}`).slice(0, 40));
    writeFileSync(`/tmp/int-${f}.onnx`, await bytesOf(model));
    const a = await host.runtime.open(new Uint8Array(bytes)), b = await host.runtime.open(`/tmp/int-${f}.onnx`);
    const name = a.outputNames[0], x = (await a.run({ x: samples[0] }))[name].data, y = (await b.run({ x: samples[0] }))[name].data;
    const p = x.reduce((s, v) => s + v * v, 0), e = x.reduce((s, v, i) => s + (v - y[i]) ** 2, 0);
    console.log("SQNR", 10 * Math.log10(p / e));
    try { const { checks, program, outputs } = await checkSteps(model, samples[0], host);
      console.log(new Set(program.steps.map((s) => s.operation.kind)), "worse than 1:", checks.filter(({ worst }) => worst > 1).map(({ step, worst }) => [step.operation.kind, step.node?.op, worst]));
      const z = outputs[name].data; console.log("executor SQNR", 10 * Math.log10(p / x.reduce((s, v, i) => s + (v - z[i]) ** 2, 0)));
    } catch (err) { console.log(err); }
  }
  await host.close();
}
void main();
