// npm start: installs, builds, compresses the sample and says what that did, then opens the extension on sample and result.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const run = (title, command, args) => {
  console.log(`\n── ${title}`);
  const { status } = spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync("node_modules/.package-lock.json")) run("Installing what is missing (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
run("Building", process.execPath, ["scripts/build.mjs"]);

const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-start-")), work = path.join(folder, "models");
cpSync("samples", work, { recursive: true });
run("Compressing the sample, a Fashion-MNIST classifier", process.execPath, ["dist/cli.js", "compress", path.join(work, "fashion-cnn.onnx"), "--data", path.join(work, "fashion-mnist")]);

/** What is opened: the sample, and in front what it became. */
const MODELS = ["fashion-cnn.onnx", "fashion-cnn.small.onnx"];
const has = (command) => spawnSync(command, ["--version"], { stdio: "ignore", shell: process.platform === "win32" }).status === 0;
const display = process.platform !== "linux" || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
if (!process.env.CI && display && has("code")) {
  const { calm } = await import("./workbench.mjs"), user = path.join(folder, "user");
  calm(user);
  run("Opening VS Code", "code", ["--new-window", "--disable-telemetry", "--user-data-dir", user, "--extensions-dir", path.join(folder, "extensions"), `--extensionDevelopmentPath=${process.cwd()}`, work, ...MODELS.map((name) => path.join(work, name))]);
} else {
  const { ensureWorkbench, freePort, installExtension, openWhenShown, startServer } = await import("./workbench.mjs");
  run("Packaging the extension", process.execPath, ["scripts/package.mjs", "--quiet"]);
  console.log("\n── Opening a browser workbench (no desktop VS Code was found)");
  const entry = ensureWorkbench(), profile = path.join(folder, "profile"), password = randomBytes(9).toString("base64url"), port = await freePort();
  installExtension(entry, profile, `dist/kernelscope-${process.platform}-${process.arch}.vsix`);
  const server = await startServer(entry, profile, { port, password });
  console.log(`\nOpen ${server.url}?folder=${encodeURIComponent(work).replaceAll("%2F", "/")}\nPassword: ${password}\nThere the sample, fashion-cnn.onnx, and what it became just now, fashion-cnn.small.onnx, open by themselves.`);
  if (process.env.SSH_CONNECTION) console.log(`From your own machine first: ssh -L ${port}:127.0.0.1:${port} ${os.userInfo().username}@${process.env.SSH_CONNECTION.split(" ")[2]}`);
  if (process.env.CI) {
    const { ok } = await fetch(`${server.url}healthz`);
    await server.stop();
    console.log(ok ? "The workbench answers. Stopped, because CI is set." : "The workbench does not answer.");
    process.exit(ok ? 0 : 1);
  }
  console.log("Ctrl+C stops it.");
  void openWhenShown(entry, profile, server.process, MODELS.map((name) => path.join(work, name)));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => { void server.stop().then(() => process.exit(0)); });
}
