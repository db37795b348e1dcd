import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SweepPoint } from "../../src/compression/sweep";

/** A curve computed by several processes, as a cluster would. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-sweep-")), at = (...names: string[]) => path.join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TARGETS = ["9KB", "16KB", "30KB", "60KB", "120KB"];
const recipe = at("fashion.kernelscope.json");
const cli = ["dist/cli.js"], sweep = (out: string, ...more: string[]) => [...cli, "sweep", recipe, "-o", out, "--threads", "1", "--quiet", "--checkpoint", at("jobs"), ...more];
const run = (args: string[]) => spawnSync(process.execPath, args, { encoding: "utf8" });
const pointsIn = (out: string) => readdirSync(out).filter((name) => name.startsWith("point-")).map((name) => SweepPoint.parse(JSON.parse(readFileSync(path.join(out, name), "utf8"))));
const bytesIn = (out: string) => Object.fromEntries(readdirSync(out).filter((name) => name.endsWith(".onnx")).map((name) => [name, readFileSync(path.join(out, name)).toString("base64")]));

/** Runs until its first point is there, and is killed then. */
async function killed(args: string[]): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => { child.kill("SIGKILL"); });
    child.once("exit", (code, signal) => (signal === "SIGKILL" ? resolve() : reject(new Error(`It ended by itself with ${code}.`))));
  });
}

beforeAll(() => {
  writeFileSync(recipe, JSON.stringify({ version: 1, model: path.resolve("samples/fashion-cnn.onnx"), sweep: { targets: TARGETS } }));
  expect(run(sweep(at("alone"))).status).toBe(0);
});

describe("a sweep", () => {
  test("in three shares, one of which was killed and run again, is that of one process", async () => {
    const out = at("shares");
    await killed(sweep(out, "--index", "0", "--of", "3"));
    expect(pointsIn(out)).toHaveLength(1);
    expect(run(sweep(out, "--index", "1", "--of", "3")).status).toBe(0);
    const early = run([...cli, "merge", out]);
    expect(early.status).toBe(1);
    expect(early.stderr).toBe("Points 3, 4 of 5 are missing. Run the processes again that have them: what is there already is not computed twice.\n");
    const again = run(sweep(out, "--index", "0", "--of", "3"));
    expect(again.stdout).toMatch(/^1 of 5: fashion-cnn\.9000\.onnx, \S+ KB, is there already\n4 of 5: fashion-cnn\.60000\.onnx, \S+ KB\n$/);
    expect(run(sweep(out, "--index", "2", "--of", "3")).status).toBe(0);
    const { status, stdout } = run([...cli, "merge", out, "--json"]), curve = JSON.parse(stdout) as SweepPoint[];
    expect(status).toBe(0);
    expect(curve.map(({ target }) => target)).toEqual([9_000, 16_000, 30_000, 60_000, 120_000]);
    for (const { target, figures } of curve) {
      expect(figures!.bytes).toBeLessThanOrEqual(target);
      expect(figures!.bytes).toBeGreaterThan(0.97 * target);
    }
    expect(bytesIn(out)).toEqual(bytesIn(at("alone")));
    expect(JSON.parse(readFileSync(path.join(out, "curve.json"), "utf8"))).toEqual(curve);
  });

  test("is not merged with points of another one, nor without a file", () => {
    const out = at("mixed");
    cpSync(at("alone"), out, { recursive: true });
    const point = path.join(out, "point-3.json"), text = readFileSync(point, "utf8");
    writeFileSync(point, text.replace(/"sweep": "\w+"/, '"sweep": "0123456789abcdef"'));
    expect(run([...cli, "merge", out]).stderr).toMatch(/^Points of different sweeps lie in this folder: .*0123456789abcdef.*\n$/);
    writeFileSync(point, text.slice(0, 40));
    expect(run([...cli, "merge", out]).stderr).toBe("point-3.json is no whole point of a sweep. Delete it and run the process again that has it.\n");
    writeFileSync(point, text);
    truncateSync(path.join(out, "fashion-cnn.60000.onnx"), 100);
    expect(run([...cli, "merge", out]).stderr).toBe("fashion-cnn.60000.onnx is missing or is another size than when it was written. Run the sweep again.\n");
    const anew = JSON.parse(run(sweep(out, "--json")).stdout) as SweepPoint[];
    expect(anew).toHaveLength(5);
    expect(run([...cli, "merge", out, "--json"]).stdout).toBe(`${JSON.stringify(anew)}\n`);
  });

  test("says of a size that is out of reach how small it gets, and goes on", () => {
    const other = at("small.kernelscope.json"), out = at("small");
    writeFileSync(other, JSON.stringify({ version: 1, model: path.resolve("samples/fashion-cnn.onnx"), sweep: { targets: ["2KB", "20KB"] } }));
    const { status, stdout } = run([...cli, "sweep", other, "-o", out, "--quiet", "--threads", "1"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^1 of 2: 2\.00 KB cannot be reached\. The smallest possible is .*\n2 of 2: fashion-cnn\.20000\.onnx, /);
    expect(run([...cli, "merge", out]).stdout).toMatch(/target +file +size +.*\n2\.00 KB +– +– .*\n20\.0 KB +fashion-cnn\.20000\.onnx +(19|20)\.\d KB [^]*\nNo file of 2\.00 KB: 2\.00 KB cannot be reached/);
  });

  test("without sizes has twelve, from nearly the smallest to 8 bits a weight", () => {
    const other = at("default.kernelscope.json"), out = at("default");
    writeFileSync(other, JSON.stringify({ version: 1, model: path.resolve("samples/fashion-cnn.onnx") }));
    expect(run([...cli, "sweep", other, "-o", out, "--quiet", "--threads", "1", "--index", "0", "--of", "11"]).status).toBe(0);
    const [first, last] = pointsIn(out).sort((a, b) => a.index - b.index);
    expect([first.index, last.index, first.points]).toEqual([0, 11, 12]);
    expect(first.figures!.ratio).toBeGreaterThan(100);
    expect(last.figures!.bitsPerWeight).toBeGreaterThan(6.5);
  });

  test.each([
    ["an index alone", ["--index", "1"], "--index and --of belong together: --index 0 --of 4 is the first of four shares.\n"],
    ["an index beyond", ["--index", "4", "--of", "4"], "--index 4 is out of range. Of 4 shares the last is 3.\n"],
  ])("%s is wrong usage", (_name, more, sentence) => {
    const { status, stderr } = run([...cli, "sweep", recipe, "--quiet", ...more]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: sentence });
  });

  test("with a size that is none says so before it begins; of a model instead of a recipe, too", () => {
    const other = at("large.kernelscope.json"), out = at("large");
    writeFileSync(other, JSON.stringify({ version: 1, model: path.resolve("samples/fashion-cnn.onnx"), sweep: { targets: ["20KB", "1x"] } }));
    expect(run([...cli, "sweep", other, "-o", out, "--quiet"])).toMatchObject({ status: 2, stdout: "", stderr: `${other}:1:${readFileSync(other, "utf8").indexOf('"1x"') + 1}: error: sweep.targets: 1x is no less than the 1.16 MB that the model takes. Leave it out.\n` });
    expect(run([...cli, "sweep", "samples/fashion-cnn.onnx", "--quiet"])).toMatchObject({ status: 2, stderr: 'kernelscope sweep takes a recipe that names the model, not the model: a *.json with "model": "fashion-cnn.onnx".\n' });
  });

  test("of a recipe that is not there says so", () => {
    expect(run([...cli, "sweep", at("nowhere.json"), "--quiet"])).toMatchObject({ status: 2, stderr: `${at("nowhere.json")}:1:1: error: There is no file ${at("nowhere.json")}.\n` });
  });

  test("of a recipe without a model asks for one", () => {
    const other = at("none.kernelscope.json");
    writeFileSync(other, "{}");
    const { status, stderr } = run([...cli, "sweep", other, "--quiet"]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: `${other}:1:1: error: none.kernelscope.json names no model. Add "model": "NAME.onnx", relative to the recipe.\n` });
  });
});
