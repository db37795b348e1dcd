import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { nodeHost } from "../../../src/worker/host";

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-host-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("ratings that are old or many are forgotten, recent ones kept", async () => {
  const days = (age: number) => new Date(Date.now() - age * 86_400_000);
  for (let i = 0; i < 30; i++) {
    mkdirSync(path.join(folder, `recent${i}`));
    utimesSync(path.join(folder, `recent${i}`), days(i / 10), days(i / 10));
  }
  mkdirSync(path.join(folder, "old"));
  utimesSync(path.join(folder, "old"), days(31), days(31));
  const host = await nodeHost({ threads: 1, ratings: folder, checkpoint: path.join(folder, "jobs"), scripts: path.resolve("dist") });
  await host.close();
  expect(existsSync(path.join(folder, "recent0"))).toBe(true);
  expect(existsSync(path.join(folder, "recent23"))).toBe(true);
  expect(existsSync(path.join(folder, "recent24"))).toBe(false);
  expect(existsSync(path.join(folder, "old"))).toBe(false);
});

test("a rating is there again for the next host", async () => {
  const open = () => nodeHost({ threads: 1, ratings: folder, checkpoint: path.join(folder, "jobs"), scripts: path.resolve("dist") });
  const first = await open();
  await first.ratings!("key").save("ratings", Uint8Array.of(1, 2, 3));
  await first.close();
  const second = await open();
  expect(Array.from((await second.ratings!("key").load("ratings"))!)).toEqual([1, 2, 3]);
  await second.close();
});
