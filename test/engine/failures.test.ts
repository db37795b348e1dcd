import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** What the command line says, and leaves behind, when disk and folders do not play along. */

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-failures-"));
const at = (...names: string[]) => path.join(folder, ...names);
const model = at("models", "fashion-cnn.onnx"), recipe = at("models", "r.kernelscope.json");
const hash = () => createHash("sha256").update(readFileSync(model)).digest("hex");
let before = "";

beforeAll(() => {
  mkdirSync(at("models"));
  cpSync("samples/fashion-cnn.onnx", model);
  const words = { "7": 64, "10": 64, "14": 64, "17": 64 };
  writeFileSync(recipe, JSON.stringify({ layers: Object.fromEntries(Object.entries(words).map(([name, words]) => [`${name}.weight`, { method: "kernel", options: { block: 9, words } }])) }));
  before = hash();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run { output: string; status?: number; args?: string[]; command?: (command: string[]) => string[]; options?: SpawnSyncOptions; preload?: string }

/** Runs a compression that must fail with one sentence and leave nothing. */
function failing({ output, args = [], status = 1, command = (c) => c, options = {}, preload }: Run): string {
  const script = at("preload.cjs");
  if (preload !== undefined) writeFileSync(script, preload);
  const [program, ...rest] = command([process.execPath, ...(preload === undefined ? [] : ["--require", script]), path.resolve("dist/cli.js"), "compress", model, "--recipe", recipe, "-o", output, "--quiet", "--checkpoint", at("jobs"), ...args]);
  const run = spawnSync(program, rest, { ...options, encoding: "utf8" });
  expect(run.status).toBe(status);
  expect(run.stdout).toBe("");
  const sentence = String(run.stderr).trim();
  expect(sentence.split("\n").length).toBe(1);
  expect(sentence).not.toContain("should not");
  expect(sentence).toMatch(/\.$/);
  expect(hash()).toBe(before);
  return sentence;
}

const list = (name: string): string[] => readdirSync(at(name)).sort();
const inFolder = (name: string): string => {
  mkdirSync(at(name), { recursive: true });
  return at(name, "small.onnx");
};
const isRoot = process.getuid?.() === 0;

/** Patches of Node's own functions, for what not every machine lets a test bring about. */
const fullAfter = (bytes: number) => `const fs = require("node:fs/promises"), open = fs.open;
fs.open = async (file, ...more) => {
  const handle = await open(file, ...more);
  if (!String(file).includes("small.onnx")) return handle;
  const write = handle.write.bind(handle);
  let room = ${bytes};
  handle.write = async (data, at) => {
    if (room <= 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
    const result = await write(data, at, Math.min(room, data.length - at));
    room -= result.bytesWritten;
    return result;
  };
  return handle;
};`;
const renameFails = (code: string) => `const fs = require("node:fs"), rename = fs.renameSync;
fs.renameSync = (from, to) => {
  if (to.endsWith("small.onnx")) throw Object.assign(new Error("${code}: rename"), { code: "${code}", syscall: "rename" });
  rename(from, to);
};`;

describe("a disk without room", () => {
  test("that gives out in the middle of the file", () => {
    expect(failing({ output: inFolder("full"), preload: fullAfter(30_000) })).toMatch(/small\.onnx could not be written: the disk is full\. Nothing was changed\.$/);
    expect(list("full")).toEqual([]);
  });

  test.skipIf(process.platform === "win32")("by the shell's limit", () => {
    expect(failing({ output: inFolder("limited"), command: (c) => ["sh", "-c", `ulimit -f 40; exec "$@"`, "sh", ...c] })).toMatch(/larger than the disk or your limits allow\. Nothing was changed\.$/);
    expect(list("limited")).toEqual([]);
  });

  const mounted = isRoot && process.platform === "linux" && (() => {
    mkdirSync(at("disk"), { recursive: true });
    return spawnSync("mount", ["-t", "tmpfs", "-o", "size=32k", "none", at("disk")]).status === 0;
  })();
  afterAll(() => { if (mounted) spawnSync("umount", [at("disk")]); });
  test.skipIf(!mounted)("a real one, which only root can make", () => {
    expect(failing({ output: at("disk", "small.onnx") })).toMatch(/the disk is full\. Nothing was changed\.$/);
    expect(list("disk")).toEqual([]);
  });
});

describe("a place that cannot be written to", () => {
  test("a folder that does not exist", () => {
    expect(failing({ output: at("nowhere", "small.onnx") })).toMatch(/the folder does not exist\. Nothing was changed\.$/);
  });

  test("a folder that is a file", () => {
    writeFileSync(at("file"), "");
    expect(failing({ output: at("file", "small.onnx") })).toMatch(/its folder is a file\. Nothing was changed\.$/);
  });

  test("a folder in the file's place", () => {
    mkdirSync(at("taken"));
    for (const args of [[], ["--force"]]) expect(failing({ output: at("taken"), args, status: 2 })).toMatch(/taken is a folder\. With -o \S+taken\/[^/ ]+\.small\.onnx the file goes into it\.$/);
  });

  test("a folder's name where there is none yet", () => {
    expect(failing({ output: `${at("fresh")}/`, status: 2 })).toMatch(/fresh\/ is a folder's name: give the file's, like -o \S+fresh\/NAME\.onnx\.$/);
    expect(existsSync(at("fresh"))).toBe(false);
  });

  test.skipIf(process.platform !== "linux")("a system's own", () => {
    expect(failing({ output: "/sys/small.onnx" })).toMatch(/the (folder|disk|folder or file) is read-only( for you)?\. Nothing was changed\.$/);
  });

  test.each(["EBUSY", "EPERM"])("a file that another program has open (%s)", (code) => {
    writeFileSync(inFolder("busy"), "someone's");
    expect(failing({ output: at("busy", "small.onnx"), args: ["--force"], preload: renameFails(code) })).toMatch(/the file there is open in another program or read-only\. Nothing was changed\.$/);
    expect(list("busy")).toEqual(["small.onnx"]);
    expect(readFileSync(at("busy", "small.onnx"), "utf8")).toBe("someone's");
  });

  test("a name that is too long", () => {
    expect(failing({ output: path.join(inFolder("long"), "..", `${"n".repeat(300)}.onnx`) })).toMatch(/the name is too long\. Nothing was changed\.$/);
    expect(list("long")).toEqual([]);
  });
});

/** As a user who may read the project but not what a test forbids; root may do all, and becomes nobody here. */
const asUser: SpawnSyncOptions = isRoot ? { uid: 65534, gid: 65534 } : {};

describe.skipIf(process.platform === "win32")("without permission", () => {
  beforeAll(() => {
    chmodSync(folder, 0o755);
    mkdirSync(at("jobs"), { recursive: true });
    chmodSync(at("jobs"), 0o777);
  });
  const forbid = (name: string, mode: number) => chmodSync(at(name), mode);

  test("to write into the folder", () => {
    const output = inFolder("locked");
    forbid("locked", 0o555);
    expect(failing({ output, options: asUser })).toMatch(/the folder is read-only for you\. Nothing was changed\.$/);
    expect(list("locked")).toEqual([]);
  });

  test("to read the data folder, or what is in it", () => {
    const output = inFolder("open");
    forbid("open", 0o777);
    for (const [name, pattern] of [["hidden", /hidden cannot be read: you have no permission to read it\.$/], ["images", /images\.npy cannot be read: you have no permission to read it\.$/]] as const) {
      cpSync("samples/fashion-mnist", at(name), { recursive: true });
      if (name === "hidden") forbid(name, 0o000);
      else forbid(path.join(name, "images.npy"), 0o000);
      expect(failing({ output, options: asUser, args: ["--data", at(name)] })).toMatch(pattern);
      forbid(name, 0o755);
    }
    expect(list("open")).toEqual([]);
  });

  test("to read the model", () => {
    chmodSync(model, 0o000);
    try {
      const run = spawnSync(process.execPath, ["dist/cli.js", "inspect", model], { ...asUser, encoding: "utf8" });
      expect(run).toMatchObject({ status: 1, stdout: "" });
      expect(run.stderr).toMatch(/fashion-cnn\.onnx cannot be read: you have no permission to read it\.\n$/);
    } finally {
      chmodSync(model, 0o644);
    }
  });
});

test("a checkpoint folder that cannot be used stops no job", () => {
  writeFileSync(at("no-folder"), "");
  const run = spawnSync(process.execPath, ["dist/cli.js", "compress", model, "--recipe", recipe, "-o", inFolder("kept"), "--quiet", "--json", "--checkpoint", at("no-folder", "jobs")], { encoding: "utf8" });
  expect(run.status).toBe(0);
  expect((JSON.parse(run.stdout) as { notes: string[] }).notes.join()).toMatch(/killed/);
  expect(list("kept")).toEqual(["small.onnx"]);
});
