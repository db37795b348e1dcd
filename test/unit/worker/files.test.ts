import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, test } from "vitest";
import { writeFiles } from "../../../src/worker/files";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-files-"));
const at = (...names: string[]) => path.join(folder, ...names);
const bytes = (text: string) => new TextEncoder().encode(text);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("files that are written together", () => {
  test("appear together", async () => {
    mkdirSync(at("pair"));
    const placed = await writeFiles(at("pair", "a.onnx"), async (sink, beside) => {
      const data = await beside("a.onnx.data");
      await data.write(bytes("weights"));
      expect(readdirSync(at("pair")).every((name) => name.endsWith(".tmp"))).toBe(true);
      await sink.write(bytes("model"));
    });
    expect(placed.sort()).toEqual([at("pair", "a.onnx"), at("pair", "a.onnx.data")]);
    expect(readdirSync(at("pair")).sort()).toEqual(["a.onnx", "a.onnx.data"]);
    expect(readFileSync(at("pair", "a.onnx.data"), "utf8")).toBe("weights");
  });

  test("do not appear at all where one fails", async () => {
    mkdirSync(at("fails"));
    const write = writeFiles(at("fails", "a.onnx"), async (sink, beside) => {
      await (await beside("a.onnx.data")).write(bytes("weights"));
      await sink.write(bytes("model"));
      throw new Error("no more");
    });
    await expect(write).rejects.toThrow(/a\.onnx could not be written: no more\. Nothing was changed\./);
    expect(readdirSync(at("fails"))).toEqual([]);
  });

  test("replace nothing without leave, but what is the same already is done", async () => {
    writeFileSync(at("kept"), "old");
    const write = (text: string, replace: boolean) => writeFiles(at("kept"), (sink) => sink.write(bytes(text)), replace);
    await expect(write("new", false)).rejects.toMatchObject({ code: "file-exists" });
    await expect(write("odd", false)).rejects.toMatchObject({ code: "file-exists" });
    expect(readFileSync(at("kept"), "utf8")).toBe("old");
    await write("old", false);
    await write("new", true);
    expect(readFileSync(at("kept"), "utf8")).toBe("new");
  });

  test("sweep away what killed writers left, and nothing else", async () => {
    mkdirSync(at("swept"));
    const killed = spawnSync(process.execPath, ["-e", ""]).pid, machine = /ks-(\w+)-/;
    let mine = "";
    await writeFiles(at("swept", "x"), async (sink) => {
      await sink.write(bytes("x"));
      [mine] = readdirSync(at("swept"));
    });
    const name = (pid: number, host = machine.exec(mine)![1]) => `.y.ks-${host}-${pid}-0abc.tmp`;
    const left = [name(killed), name(process.pid)], kept = [name(process.ppid), name(killed, "00000000"), ".y.tmp", "y.tmp"];
    for (const file of [...left, ...kept]) writeFileSync(at("swept", file), "");
    await writeFiles(at("swept", "x"), (sink) => sink.write(bytes("x")));
    expect(readdirSync(at("swept")).sort()).toEqual([...kept, "x"].sort());
  });
});

test("many writers in one folder do not take each other's files away", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-writers-"));
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 12 }, (_, i) => writeFiles(path.join(folder, `${round}-${i}`), (sink) => sink.write(Uint8Array.of(round, i)))));
  }
  expect(readdirSync(folder).length).toBe(240);
  rmSync(folder, { recursive: true });
});
