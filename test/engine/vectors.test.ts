import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { encodeClassifier, NETWORKS } from "../../bench/networks";
import { readIntegers } from "../../src/evaluation/integer/read";
import { testVectors } from "../../src/evaluation/integer/vectors";
import { encodeNpz } from "../../src/evaluation/npz-write";
import type { Tensor } from "../../src/runtime/runtime";
import { nodeHost } from "../../src/worker/host";
import { asIntegers, bytesOf } from "../helpers/integers";
import { mobile } from "../helpers/mobile";
import { python } from "../helpers/python";
import { wave } from "../unit/onnx/models";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-vectors-")), at = (name: string) => path.join(folder, name), numpy = python("numpy");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What firmware would do: every step anew from what about.json and the arrays say, and nothing else. */
const FIRMWARE = `
import json, numpy as np
npz = np.load(FILE)
about, wrong, kinds = json.loads(npz["about.json"]), [], {}
def scaled(x, m, s):
    x, m, s = np.asarray(x, np.int64), np.asarray(m, np.int64), np.asarray(s, np.int64)
    high = (np.clip(x << np.maximum(s, 0), -2**31, 2**31 - 1) * m + (1 << 30)) >> 31
    right = np.maximum(-s, 0)
    return np.sign(high) * ((np.abs(high) + ((1 << right) >> 1)) >> right)
def byte(x): return np.clip(x, 0, 255)
def along(values, rank): return np.asarray(values).reshape((-1,) + (1,) * (rank - 2))
def windows(x, p, fill):
    (kh, kw), (sh, sw), (dh, dw), (t, l, b, r) = p("kernel"), p("strides"), p("dilations"), p("pads")
    x = np.pad(x, ((0, 0), (0, 0), (t, b), (l, r)), constant_values=fill)
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    return np.stack([x[:, :, i * dh:i * dh + sh * (oh - 1) + 1:sh, j * dw:j * dw + sw * (ow - 1) + 1:sw] for i in range(kh) for j in range(kw)], 2)
def compute(step, kind, x, p):
    z = p("zeros") if kind not in ("float",) else []
    if kind == "convolution":
        w, g = p("weight").astype(np.int64), int(p("groups")[0]); n, m, v = len(x[0]), len(w), windows(x[0] - z[0], p, 0); v = v.reshape((n, g, -1) + v.shape[3:])
        sums = np.einsum("ngkhw,gmk->ngmhw", v, w.reshape(g, m // g, -1)).reshape((n, m) + v.shape[3:]) + along(p("bias"), 4)
        return byte(z[-1] + scaled(sums, along(p("multiplier"), 4), along(p("shift"), 4)))
    if kind == "linear":
        sums = (x[0] - z[0]) @ p("weight").astype(np.int64).T + p("bias")
        return byte(z[-1] + scaled(sums, p("multiplier"), p("shift"))) if has(step, "multiplier") else (sums * (p("scales")[0].astype(np.float64) * p("weight_scales").astype(np.float64))).astype(np.float32)
    if kind == "table": return p("table")[x[0]]
    if kind == "affine": return byte((along(p("a"), x[0].ndim) * x[0] + along(p("b"), x[0].ndim)) >> along(p("shift"), x[0].ndim))
    if kind == "pair":
        if has(step, "constant"): x = [p("constant").astype(np.int64), x[0]] if "first" in step["arrays"][step["step"] + ".constant"] else [x[0], p("constant").astype(np.int64)]
        a, b = x[0] - z[0], x[1] - z[1]; m, s = p("multiplier"), p("shift")
        if not has(step, "left_shift"): return byte(z[2] + scaled(a * b, m[0], s[0]))
        k = int(p("left_shift")[0])
        return byte(z[2] + scaled(scaled(a << k, m[0], s[0]) + scaled(b << k, m[1], s[1]), m[2], s[2]))
    if kind == "pool":
        if not has(step, "kernel"): return byte(z[-1] + scaled((x[0] - z[0]).sum((2, 3), keepdims=True), p("multiplier")[0], p("shift")[0]))
        inside = windows(np.ones_like(x[0]), p, int(p("counts_pads")[0])).sum(2); at = np.searchsorted(p("counts"), inside)
        return byte(z[-1] + scaled(windows(x[0] - z[0], p, 0).sum(2), p("multiplier")[at], p("shift")[at]))
    if kind == "join":
        return np.concatenate([q if p("multiplier")[i] == 0 else byte(z[-1] + scaled(q - z[i], p("multiplier")[i], p("shift")[i])) for i, q in enumerate(x)], int(p("axis")[0]))
    if kind == "quantize": return byte(np.round(x[0] / p("scales")[1]) + z[1])
    if kind == "dequantize": return ((x[0] - z[0]) * p("scales")[0].astype(np.float64)).astype(np.float32)
def has(step, part): return step["step"] + "." + part in npz.files
for step in about["steps"]:
    name, kind = step["step"], step["kind"]
    if kind in ("move", "float"): continue
    x = [npz[one["array"]] for one in step["inputs"]]; x = [v.astype(np.int64) if v.dtype == np.uint8 else v for v in x]
    own, want = compute(step, kind, x, lambda part: npz[name + "." + part]), npz[name + ".out0"]
    kinds[kind] = kinds.get(kind, 0) + 1
    if own.shape != want.shape or (own != want).any(): wrong.append(name)
    for place in ("inputs", "outputs"):
        for one in step[place]:
            if (npz[one["array"]].dtype == np.uint8) != ("scale" in one and "zero" in one): wrong.append(one["array"])
listed = {one["array"] for step in about["steps"] for place in ("inputs", "outputs") for one in step[place]} | {array for step in about["steps"] for array in step["arrays"]}
print(json.dumps({"wrong": wrong, "kinds": kinds, "samples": about["samples"], "untold": sorted(set(npz.files) - listed - {"about.json"})}))
`;

const firmware = (file: string) => JSON.parse(numpy!(FIRMWARE.replace("FILE", JSON.stringify(file))).toString()) as { wrong: string[]; kinds: Record<string, number>; samples: number; untold: string[] };

describe.skipIf(!numpy)("test vectors", () => {
  test.each([
    ["gates, joins and pools", mobile(), "x", [3, 16, 16], "float", ["convolution", "join", "linear", "pair", "pool", "quantize", "table"]],
    ["normalizations in fixed point", encodeClassifier(NETWORKS.preresnet8({ shape: [3, 16, 16], classes: 10, seed: 3 })), "input", [3, 16, 16], "fixedPoint", ["affine", "convolution", "linear", "pair", "pool", "quantize"]],
  ] as const)("of a network with %s are all that firmware needs", async (_name, bytes, input, shape, normalizations, kinds) => {
    const host = await nodeHost({ threads: 1 }), batch = (seed: number): Tensor => ({ dims: [2, ...shape], data: wave(2 * 768, seed).map((v) => 2 * v) }), { model } = await asIntegers(bytes, input, [batch(1), batch(2)], host, { normalizations });
    const file = at(`${normalizations}.npz`), { arrays, about } = await testVectors(await readIntegers(model), model, batch(3), host.runtime);
    writeFileSync(file, encodeNpz(arrays, new Map([["about.json", about]])));
    const found = firmware(file);
    expect(found).toMatchObject({ wrong: [], untold: [], samples: 2 });
    expect(Object.keys(found.kinds)).toEqual(expect.arrayContaining([...kinds]));
    expect(arrays.filter(({ name, data }) => name.includes(".pair.") && data.length === 65_536)).toEqual([]);
    if (normalizations === "float") writeFileSync(at("mobile.onnx"), await bytesOf(model));
    await host.close();
  });

  test("are of as many samples as are asked for, and computed with integers alone", () => {
    writeFileSync(at("images.npz"), encodeNpz([{ name: "images", dims: [6, 3, 16, 16], data: wave(6 * 768) }]));
    const run = (...args: string[]) => spawnSync(process.execPath, ["dist/cli.js", "evaluate", at("mobile.onnx"), "--data", at("images.npz"), "--quiet", ...args], { encoding: "utf8" });
    for (const [count, args] of [[4, []], [1, ["--vector-samples", "1"]], [6, ["--vector-samples", "9"]]] as const) {
      const file = at(`of${count}.npz`), { status, stdout } = run("--vectors", file, ...args);
      expect(status).toBe(0);
      expect(stdout).toContain(`on the first ${count === 1 ? "sample" : `${count} samples`}; its about.json says what each array is.`);
      expect(stdout).toContain("Computed with integers but for what the file leaves to floats");
      expect(stdout).toContain("can differ by some predictions"); // what --integers and a run on onnxruntime come to
      expect(firmware(file)).toMatchObject({ wrong: [], samples: count });
    }
  });
});
