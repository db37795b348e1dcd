// npm test: installs what is missing, then types, lint, units, whole jobs, and tests in the real workbench. The last line counts everything.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** Of how many files of a suite tests may fail for these files to be tried again. */
const MOST_TRIED_AGAIN = 4;

const total = { passed: 0, failed: 0, skipped: 0 }, failed = [], again = [];
const heading = (title) => console.log(`\n── ${title}`);
const step = (title, command, args) => {
  heading(title);
  const { status } = spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" });
  return status === 0;
};

/** Runs a script of Node's; one that runs beside others says at its end what it has to say. */
const run = (title, args, { beside = false, behind = false } = {}) => new Promise((resolve) => {
  if (!beside) heading(title);
  const child = spawn(process.execPath, args, { stdio: beside ? ["ignore", "pipe", "pipe"] : "inherit", detached: behind && process.platform !== "win32" }), said = [];
  if (behind) letBehind(child);
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => said.push(chunk));
  child.on("close", (code) => {
    if (beside) { heading(title); process.stdout.write(Buffer.concat(said)); }
    resolve(code === 0);
  });
});

/** Takes of the processor little but what others leave, as a session of its own: Linux may share it by sessions, whatever is nice inside of them. */
const letBehind = ({ pid }) => {
  const nice = os.constants.priority.PRIORITY_BELOW_NORMAL;
  try {
    os.setPriority(pid, nice);
    if (existsSync(`/proc/${pid}/autogroup`)) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch { /* where that may not be, all have the same */ }
  process.once("exit", () => { try { process.kill(process.platform === "win32" ? pid : -pid); } catch { /* it has ended */ } }); // Ctrl+C does not reach another session
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));

const check = async (title, args, how) => {
  if (await run(title, args, how)) { total.passed++; return; }
  total.failed++;
  failed.push({ title });
};

const isFailed = ({ status }) => status === "failed";

/** Runs a suite; what came of it, file by file, from the JSON that its runner writes. A runner that wrote none, or failed and says of no file why, has failed itself. */
const suite = async (title, report, args, how) => {
  rmSync(report, { force: true });
  const good = await run(title, args, how), { testResults = [], numPendingTests = 0 } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  const files = new Map(testResults.map(({ name, status, message, assertionResults: tests }) => [name, { tests, broken: status === "failed" && !tests.some(isFailed) ? [{ title: name, failureMessages: [message] }] : [] }]));
  if (!good && !testResults.some(isFailed)) files.set(title, { tests: [], broken: [{ title }] });
  if (!testResults.length) total.skipped += numPendingTests;
  return files;
};

/** What failed while another suite kept the machine busy is tried once more by itself, where it is little: only what fails again has failed. What needed that is told. */
const tryAgain = async (files, report, args) => {
  const bad = [...files].filter(([file, { tests, broken }]) => existsSync(file) && (broken.length || tests.some(isFailed)));
  if (!process.env.CI || !bad.length || bad.length > MOST_TRIED_AGAIN) return;
  for (const [file, now] of await suite("Once more, by itself", report, [...args, ...bad.map(([file]) => path.relative("", file))])) {
    const before = files.get(file);
    again.push(...[...before?.tests.filter(isFailed) ?? [], ...before?.broken ?? []].filter(({ title }) => !now.broken.length && !now.tests.some((test) => test.title === title && isFailed(test))));
    files.set(file, now);
  }
};

const count = (files) => {
  for (const { tests, broken } of files.values()) {
    const bad = [...broken, ...tests.filter(isFailed)], good = tests.filter(({ status }) => status === "passed");
    again.push(...good.filter(({ failureMessages }) => failureMessages?.length));
    failed.push(...bad);
    total.passed += good.length;
    total.failed += bad.length;
    total.skipped += tests.filter(({ status }) => status !== "passed" && status !== "failed").length;
  }
};

if (!existsSync("node_modules/.package-lock.json")) {
  if (!step("Installing what is missing (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])) process.exit(1);
}
if (!step("Building and packaging", process.execPath, ["scripts/package.mjs", "--quiet"])) { console.log("0 passed, 1 failed, 0 skipped"); process.exit(1); }
const vitest = (config, report) => ["node_modules/vitest/vitest.mjs", "run", "--config", config, "--reporter=default", "--reporter=json", `--outputFile=${report}`];
await Promise.all([
  check("Types", ["node_modules/typescript/bin/tsc", "-p", "."], { beside: true }),
  check("Lint", ["node_modules/eslint/bin/eslint.js", "."], { beside: true }),
]);
count(await suite("Units", "test-results/units.json", vitest("vitest.config.mts", "test-results/units.json")));
// the workbench waits for half of its time, as its users do; jobs of the engine can be done meanwhile
const jobs = ["test-results/engine.json", vitest("test/engine/vitest.config.mts", "test-results/engine.json")], views = ["test-results/workbench.json", ["scripts/test-workbench.mjs", "--packaged"]];
const both = await Promise.all([suite("Whole jobs of the engine", ...jobs, { beside: true, behind: true }), suite("The real workbench, and whole jobs of the engine behind it", ...views)]);
for (const [i, args] of [jobs, views].entries()) await tryAgain(both[i], ...args);
both.forEach(count);
const tell = (what, { title, failureMessages: [message = ""] = [] }) => {
  const lines = message.split("\n");
  console.log([`${what}: ${title}`, lines[0], lines.find((line) => /\.test\.ts:\d+/.test(line))?.trim()].filter(Boolean).join("\n  "));
};
for (const test of again) tell("Passed by its second try", test);
for (const test of failed) tell("Failed", test);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
