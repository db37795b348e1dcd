import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { Cells } from "../../../bench/cells";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-cells-")), file = path.join(folder, "results", "cells.jsonl");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const isResult = (value: object): value is { top1: number } => "top1" in value;

test("what is measured is measured once, in this run or an earlier one", async () => {
  let measured = 0;
  const measure = async () => ({ top1: ++measured });
  for (let run = 0; run < 2; run++) {
    const cells = new Cells(file, isResult);
    for (const bits of [4, 3, 4]) expect(await cells.get({ bits, seed: 1 }, measure)).toEqual({ top1: bits === 4 ? 1 : 2 });
  }
  expect(await new Cells(file, isResult).get({ bits: 4, seed: 2 }, measure)).toEqual({ top1: 3 });
  expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(3);
});

test("without a file nothing is kept, and a measurement that fails is none", async () => {
  const cells = new Cells(undefined, isResult);
  await expect(cells.get({ bits: 1 }, async () => { throw new Error("cut off"); })).rejects.toThrow("cut off");
  expect(await cells.get({ bits: 1 }, async () => ({ top1: 7 }))).toEqual({ top1: 7 });
});
