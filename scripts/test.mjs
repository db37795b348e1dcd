// npm test: installs what is missing, then types, lint, units, and tests in the real workbench. The last line counts everything.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";

process.env.ONNXRUNTIME_NODE_INSTALL = "skip";
const total = { passed: 0, failed: 0, skipped: 0 }, failed = [], again = [];
const step = (title, command, args) => {
  console.log(`\n── ${title}`);
  const { status } = spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" });
  return status === 0;
};
const check = (title, ...args) => {
  if (step(title, ...args)) { total.passed++; return; }
  total.failed++;
  failed.push({ title });
};

/** Counts a suite by the JSON that its runner writes; a runner that wrote none has failed. */
const suite = (title, report, ...args) => {
  rmSync(report, { force: true });
  const good = step(title, ...args);
  if (!existsSync(report)) { total.failed++; failed.push({ title }); return; }
  const { numPassedTests, numFailedTests, numPendingTests, testResults = [] } = JSON.parse(readFileSync(report, "utf8"));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  failed.push(...tests.filter(({ status }) => status === "failed"));
  again.push(...tests.filter(({ status, failureMessages }) => status === "passed" && failureMessages?.length));
  total.passed += numPassedTests;
  total.failed += numFailedTests;
  total.skipped += numPendingTests;
  if (good || numFailedTests > 0) return;
  total.failed++;
  failed.push(...testResults.filter(({ status }) => status === "failed").map(({ name, message }) => ({ title: name, failureMessages: [message] })), { title });
};

if (!existsSync("node_modules/.package-lock.json")) {
  if (!step("Installing what is missing (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])) process.exit(1);
}
if (!step("Building", process.execPath, ["scripts/build.mjs"])) { console.log("0 passed, 1 failed, 0 skipped"); process.exit(1); }
check("Types", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."]);
check("Lint", process.execPath, ["node_modules/eslint/bin/eslint.js", "."]);
const vitest = (config, report) => ["node_modules/vitest/vitest.mjs", "run", "--config", config, "--reporter=default", "--reporter=json", `--outputFile=${report}`];
suite("Units", "test-results/units.json", process.execPath, vitest("vitest.config.mts", "test-results/units.json"));
suite("Whole jobs of the engine", "test-results/engine.json", process.execPath, vitest("test/engine/vitest.config.mts", "test-results/engine.json"));
suite("The real workbench", "test-results/workbench.json", process.execPath, ["scripts/test-workbench.mjs"]);
const tell = (what, { title, failureMessages: [message = ""] = [] }) => {
  const lines = message.split("\n");
  console.log([`${what}: ${title}`, lines[0], lines.find((line) => /\.test\.ts:\d+/.test(line))?.trim()].filter(Boolean).join("\n  "));
};
for (const test of again) tell("Passed by its second try", test);
for (const test of failed) tell("Failed", test);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed ? 1 : 0);
