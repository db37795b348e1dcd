// The real VS Code workbench from the npm registry: code-server, set up once outside node_modules and cached.
// It needs Node 20 and npm, no compiler, no root and no download but npm's. Run alone it only sets the workbench up.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "4.100.3";
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "kernelscope");
const home = path.join(cache, `workbench-${VERSION}-${process.platform}-${process.arch}-node${process.versions.modules}`);

// argon2 0.44 ships binaries, the one that code-server pins is compiled. ripgrep comes as a package of its own.
const manifest = {
  private: true,
  dependencies: { "code-server": VERSION, [`@vscode/ripgrep-${process.platform}-${process.arch}`]: "1.18.0" },
  overrides: { argon2: "0.44.0" },
};

// VS Code writes its log files through this native module, which npm can only compile. The same calls in plain JavaScript.
const spdlog = `"use strict";
const fs = require("fs");
let level = 2;
class Logger {
  constructor(name, file) { this.file = file; this.level = level; this.raw = false; }
  write(at, name, message) {
    if (at < this.level) return;
    const stamp = new Date().toISOString().replace("T", " ").replace("Z", "");
    fs.appendFileSync(this.file, this.raw ? message : stamp + " [" + name + "] " + message + "\\n");
  }
  trace(message) { this.write(0, "trace", message); }
  debug(message) { this.write(1, "debug", message); }
  info(message) { this.write(2, "info", message); }
  warn(message) { this.write(3, "warning", message); }
  error(message) { this.write(4, "error", message); }
  critical(message) { this.write(5, "critical", message); }
  getLevel() { return this.level; }
  setLevel(next) { this.level = next; }
  setPattern() {}
  clearFormatters() { this.raw = true; }
  flush() {}
  drop() {}
}
const create = async (name, file) => new Logger(name, file);
module.exports = { version: 0, setLevel(next) { level = next; }, setFlushOn() {}, shutdown() {}, createRotatingLogger: create, createAsyncRotatingLogger: create, Logger };
`;

// So are terminals. Programs run in them behind pipes, which is enough for tasks.
const pty = `"use strict";
const { spawn } = require("child_process");
const { EventEmitter } = require("events");
exports.spawn = (file, args, { cwd, env, cols = 80, rows = 30 } = {}) => {
  const events = new EventEmitter(), child = spawn(file, typeof args === "string" ? [args] : args, { cwd, env, stdio: "pipe" });
  const event = (name) => (listener) => { events.on(name, listener); return { dispose: () => events.off(name, listener) }; };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => events.emit("data", chunk.toString().replace(/\\r?\\n/g, "\\r\\n")));
  child.on("error", (error) => events.emit("data", error.message + "\\r\\n"));
  child.on("close", (code) => events.emit("exit", { exitCode: code === null ? 1 : code, signal: 0 }));
  return {
    pid: child.pid || 0, process: file, cols, rows, handleFlowControl: false, onData: event("data"), onExit: event("exit"), on: (name, listener) => events.on(name, listener),
    write: (text) => child.stdin.write(text), kill: (signal) => child.kill(signal), pause: () => child.stdout.pause(), resume: () => child.stdout.resume(), resize() {}, clear() {},
  };
};
`;

/** Gives terminals to a workbench, also to one that was set up before it had any. */
function addTerminals(folder) {
  const file = path.join(folder, "node_modules", "code-server", "lib", "vscode", "node_modules", "node-pty", "lib", "index.js");
  if (!existsSync(file) || readFileSync(file, "utf8") === pty) return;
  writeFileSync(`${file}.${process.pid}`, pty);
  renameSync(`${file}.${process.pid}`, file);
}

function npm(folder, ...args) {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const run = spawnSync("npm", [...args, ...options], { cwd: folder, stdio: ["ignore", "ignore", "inherit"], shell: process.platform === "win32" });
  if (run.status !== 0) throw new Error(`npm ${args.join(" ")} failed in ${folder}.`);
}

/** The path of code-server's entry script; sets it up on the first call. */
export function ensureWorkbench(log = console.log) {
  const entry = path.join(home, "node_modules", "code-server", "out", "node", "entry.js");
  if (existsSync(path.join(home, "ready"))) {
    addTerminals(home);
    return entry;
  }
  if (process.platform === "win32") throw new Error("code-server does not run on Windows. Install VS Code and put its `code` command on the path.");
  log(`Setting up code-server ${VERSION} in ${home} (once, about 120 MB from npm)…`);
  mkdirSync(cache, { recursive: true });
  const building = mkdtempSync(path.join(cache, "building-"));
  try {
    writeFileSync(path.join(building, "package.json"), JSON.stringify(manifest));
    npm(building, "install");
    const vscode = path.join(building, "node_modules", "code-server", "lib", "vscode");
    npm(vscode, "install", "--omit=dev");
    npm(path.join(vscode, "extensions"), "install", "--omit=dev");
    const modules = path.join(vscode, "node_modules");
    writeFileSync(path.join(modules, "@vscode", "spdlog", "index.js"), spdlog);
    const rg = path.join(modules, "@vscode", "ripgrep", "bin", "rg");
    mkdirSync(path.dirname(rg), { recursive: true });
    const shipped = path.join(building, "node_modules", "@vscode", `ripgrep-${process.platform}-${process.arch}`, "bin", "rg");
    if (existsSync(shipped)) cpSync(shipped, rg); else symlinkSync("/usr/bin/rg", rg);
    addTerminals(building);
    writeFileSync(path.join(building, "ready"), VERSION);
    rmSync(home, { recursive: true, force: true });
    renameSync(building, home);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return entry;
}

/** A port that nobody listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
}

const common = (folder) => ["--user-data-dir", path.join(folder, "user"), "--extensions-dir", path.join(folder, "extensions"), "--config", path.join(folder, "config.yaml")];

/** Installs a packaged extension into the profile in `folder`. */
export function installExtension(entry, folder, vsix) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "config.yaml"), "auth: none\n");
  const run = spawnSync(process.execPath, [entry, "--install-extension", vsix, ...common(folder)], { encoding: "utf8" });
  if (run.status !== 0 || !/successfully installed/.test(run.stdout)) throw new Error(`code-server could not install ${vsix}: ${run.stdout}${run.stderr}`);
}

/** Settings of a new profile in `user`: nothing is sent to anybody, which options alone do not tell all of VS Code, and no page of greetings stands before the models. */
export function calm(user) {
  const file = path.join(user, "User", "settings.json");
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ "telemetry.telemetryLevel": "off", "workbench.startupEditor": "none" }, undefined, 2));
}

/**
 * Starts code-server on 127.0.0.1 with the profile in `folder` and waits until it answers.
 * @returns {Promise<{ url: string, port: number, process: import("node:child_process").ChildProcess, stop(): Promise<void> }>}
 */
export async function startServer(entry, folder, { port, password, trust = false, cache } = {}) {
  const at = port ?? await freePort();
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "config.yaml"), "auth: none\n");
  calm(path.join(folder, "user"));
  const args = [entry, "--auth", password ? "password" : "none", "--bind-addr", `127.0.0.1:${at}`, "--disable-telemetry", "--disable-update-check", "--disable-getting-started-override", ...(trust ? [] : ["--disable-workspace-trust"]), ...common(folder)];
  // what an outer VS Code leaves in the environment would make this one its child
  const { CODE_SERVER_PARENT_PID: _parent, VSCODE_IPC_HOOK_CLI: _hook, NODE_OPTIONS: _options, ...rest } = process.env;
  const env = { ...rest, ...(password ? { PASSWORD: password } : {}), ...(cache ? { XDG_CACHE_HOME: cache } : {}) };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  let output = "";
  const keep = (chunk) => { output = (output + chunk).slice(-8000); };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const url = `http://127.0.0.1:${at}/`;
  const stop = () => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 3000).unref();
  });
  for (const deadline = Date.now() + 60_000; ;) {
    if (child.exitCode !== null || child.signalCode) throw new Error(`code-server ended at once:\n${output}`);
    if (await fetch(`${url}healthz`).then((answer) => answer.ok, () => false)) return { url, port: at, process: child, stop };
    if (Date.now() > deadline) { await stop(); throw new Error(`code-server did not answer within a minute:\n${output}`); }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Opens files in the first window that shows the folder in which they lie, once there is one; gives up when the server with the profile in `folder` has ended. */
export async function openWhenShown(entry, folder, server, files) {
  const socketPath = path.join(folder, "user", "code-server-ipc.sock"), asked = `/session?filePath=${encodeURIComponent(files[0])}`, isRunning = () => server.exitCode === null && !server.signalCode;
  while (isRunning() && !await answerOf({ socketPath, path: asked }).then((answer) => "socketPath" in JSON.parse(answer), () => false)) await new Promise((resolve) => setTimeout(resolve, 500));
  const { VSCODE_IPC_HOOK_CLI: _hook, ...env } = process.env;
  if (isRunning()) await new Promise((resolve) => spawn(process.execPath, [entry, "--reuse-window", ...common(folder), ...files], { stdio: "ignore", env }).once("close", resolve));
}

const answerOf = (options) => new Promise((resolve, reject) => {
  get(options, (answer) => {
    let text = "";
    answer.on("data", (chunk) => { text += chunk; }).on("end", () => resolve(text));
  }).once("error", reject);
});

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ensureWorkbench());
