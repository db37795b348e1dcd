import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { resolveCliArgsFromVSCodeExecutablePath } from "@vscode/test-electron";
import { _electron, chromium, type BrowserContext, type Page } from "playwright-core";
// @ts-expect-error A script of the project, in plain JavaScript.
import { startServer } from "../../scripts/workbench.mjs";
import { extend, homesOf, PACKAGE } from "./installed";
import { translate, type PSEUDO } from "./pseudo";

/** A window of VS Code on a folder; `home` has that folder, the profile and the cache of its server. */
export interface Shown { page: Page; folder: string; home: string; close(): Promise<void> }

/** @param others packages of further extensions @param restricted nobody has trusted the folder @param language see pseudo.ts @param settings the user's @param fill puts files into the folder, and what a user's cache has, before the window opens */
export interface Opening { others: readonly string[]; restricted: boolean; language?: typeof PSEUDO; settings: Readonly<Record<string, unknown>>; fill(folder: string, cache: string): void }

export const showWindow = (opening: Opening): Promise<Shown> => {
  const electron = process.env.KERNELSCOPE_ELECTRON;
  return electron ? showElectron(electron, opening) : showBrowser(opening);
};

/** A code-server with the extension, and a Chromium with what that has loaded before. */
interface Served { home: string; url: string; context: BrowserContext; stop(): Promise<void> }

const newHome = (): string => mkdtempSync(path.join(os.tmpdir(), homesOf(process.ppid)));

/** What test files of this process have in common: a start of both takes longer than most tests. */
let common: Promise<Served> | undefined;

/** A window in Chromium; one that needs no other server than all have is on the one of this process. */
async function showBrowser(opening: Opening): Promise<Shown> {
  const { others, restricted, language, settings, fill } = opening, alone = others.length > 0 || restricted || language !== undefined;
  const { home, url, context, stop } = await (alone ? serve(opening) : common ??= serve(opening)), folder = path.join(mkdtempSync(path.join(home, "opened-")), "models"), user = path.join(home, "profile", "user", "User"), cache = path.join(home, "cache");
  for (const left of [user, cache]) rmSync(left, { recursive: true, force: true });
  for (const made of [user, folder]) mkdirSync(made, { recursive: true });
  writeFileSync(path.join(user, "settings.json"), JSON.stringify(settings));
  fill(folder, cache);
  const page = await context.newPage();
  // VS Code in a browser asks for translations of the language that its own messages say they are in
  if (language) await page.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(language)};`);
  await (await context.newCDPSession(page)).send("Storage.clearDataForOrigin", { origin: new URL(url).origin, storageTypes: "local_storage,indexeddb" });
  await page.goto(`${url}?folder=${encodeURIComponent(folder)}`);
  return { page, folder, home, close: async () => {
    await page.goto("about:blank"); // which tells the server that nobody comes back
    await page.close();
    if (alone) await stop();
  } };
}

async function serve({ others, restricted, language }: Opening): Promise<Served> {
  const entry = process.env.KERNELSCOPE_WORKBENCH;
  if (!entry) throw new Error("Run these tests by npm run test:workbench.");
  const home = newHome(), profile = path.join(home, "profile");
  extend(entry, profile, others);
  if (language) translate(path.join(profile, "extensions"));
  const server = await startServer(entry, profile, { trust: restricted, cache: path.join(home, "cache") }) as { url: string; stop(): Promise<void>; process: { kill(): boolean } };
  const browser = await chromium.launch({
    executablePath: process.env.KERNELSCOPE_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...process.env.KERNELSCOPE_CHROMIUM_FLAGS?.split(" ") ?? []],
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 }), atExit = (): void => { server.process.kill(); };
  process.once("exit", atExit);
  process.once("SIGTERM", () => { process.exit(); }); // how a runner of tests ends its processes
  return { home, url: server.url, context, stop: async () => {
    process.off("exit", atExit);
    await browser.close();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  } };
}

/** VS Code itself, by the path of its program; menus and dialogs are drawn in its window, where a test can reach them. */
async function showElectron(executablePath: string, { others, restricted, settings, fill }: Opening): Promise<Shown> {
  const home = newHome(), folder = path.join(home, "models"), profile = path.join(home, "profile"), cache = path.join(home, "cache");
  const own = ["--user-data-dir", path.join(profile, "user"), "--extensions-dir", path.join(profile, "extensions")], user = path.join(profile, "user", "User");
  for (const made of [user, folder]) mkdirSync(made, { recursive: true });
  fill(folder, cache);
  const [cli, ...more] = resolveCliArgsFromVSCodeExecutablePath(executablePath, { reuseMachineInstall: true });
  for (const extension of [PACKAGE, ...others]) execFileSync(cli, [...more, ...own, "--install-extension", extension], { stdio: "ignore", shell: process.platform === "win32" });
  writeFileSync(path.join(user, "settings.json"), JSON.stringify({ ...settings, "window.titleBarStyle": "custom", "window.dialogStyle": "custom", "update.mode": "none" }));
  const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined || name === "ELECTRON_RUN_AS_NODE" ? [] : [[name, value]])));
  const app = await _electron.launch({ executablePath, env: { ...env, XDG_CACHE_HOME: cache }, args: [folder, ...own, ...(restricted ? [] : ["--disable-workspace-trust"]), "--skip-welcome", "--skip-release-notes", "--disable-telemetry", "--no-sandbox"] });
  const page = await app.firstWindow();
  await page.setViewportSize({ width: 1440, height: 900 });
  return { page, folder, home, close: async () => {
    await app.close();
    rmSync(home, { recursive: true, force: true });
  } };
}
