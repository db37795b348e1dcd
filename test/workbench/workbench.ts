import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame, Page } from "playwright-core";
import { TRAINED } from "../helpers/trained";
import type { PSEUDO } from "./pseudo";
import { RATED } from "./rated";
import { showWindow, type Shown } from "./windows";

/** Themes of the four kinds, and the class that the workbench has with each. */
export const THEMES = { "Default Dark Modern": "vs-dark", "Default Light Modern": "vs", "Default High Contrast": "hc-black", "Default High Contrast Light": "hc-light" } as const;

/** What pages call these kinds. */
const PAGES = { "vs-dark": "vscode-dark", "vs": "vscode-light", "hc-black": "vscode-high-contrast", "hc-light": "vscode-high-contrast-light" } as const;

/** VS Code's workbench with the packaged extension on a folder of models. */
export class Workbench {
  private constructor(private readonly shown: Shown) {}

  get page(): Page { return this.shown.page; }
  get folder(): string { return this.shown.folder; }
  /** Where all stands that serves this window. */
  get home(): string { return this.shown.home; }
  /** What stands for the user's cache: what one test file leaves there no other sees. */
  get cache(): string { return path.join(this.home, "cache"); }
  /** Worker processes of this window, with their resident memory in MB. */
  get workers(): { pid: number; memory: number }[] {
    const list = execFileSync("ps", ["-eo", "pid,rss,args"], { encoding: "utf8" }).split("\n").filter((line) => line.includes("dist/worker.js") && line.includes(this.home));
    return list.map((line) => line.trim().split(/\s+/)).map(([pid, kilobytes]) => ({ pid: Number(pid), memory: Number(kilobytes) / 1000 }));
  }

  /** Those that are open. */
  static readonly all = new Set<Workbench>();
  /** The user's settings at the start. */
  static readonly settings: Record<string, unknown> = {
    "workbench.startupEditor": "none", "workbench.tips.enabled": false, "workbench.hover.delay": 60000, "workbench.colorTheme": "Default Dark Modern", "window.autoDetectHighContrast": false, "files.simpleDialog.enable": true, "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.quickOpen.closeOnFocusLost": false, // which on a busy machine comes after a list has opened
    "kernelscope.threads": 1, // another file of tests has the other core
  };

  /** @param others packages of further extensions @param restricted nobody has trusted the folder @param rated the sample's layers were rated before, see rated.ts @param small sample and images are those of helpers/trained.ts, under the sample's names @param language see pseudo.ts @param prepare what is done in the folder before it is opened */
  static async start({ others = [], restricted = false, rated = false, small = false, language, prepare }: { others?: string[]; restricted?: boolean; rated?: boolean; small?: boolean; language?: typeof PSEUDO; prepare?: (folder: string) => void } = {}): Promise<Workbench> {
    const settings = { ...Workbench.settings, ...(restricted && { "security.workspace.trust.startupPrompt": "never" }) };
    const workbench = new Workbench(await showWindow({ others, restricted, language, settings, fill: (folder, cache) => {
      cpSync("samples", folder, { recursive: true });
      if (small) {
        cpSync(TRAINED.model, path.join(folder, "fashion-cnn.onnx"));
        cpSync(TRAINED.data, path.join(folder, "fashion-mnist"), { recursive: true });
      }
      prepare?.(folder);
      if (rated) cpSync(RATED, cache, { recursive: true });
    } }));
    Workbench.all.add(workbench);
    await workbench.page.waitForSelector(".explorer-folders-view .monaco-list-row", { timeout: 90_000 });
    await workbench.registered();
    return workbench;
  }

  /** Waits until the extension is known: before that, VS Code's own editor would take its files. */
  private async registered(): Promise<void> {
    const { page } = this, rows = page.locator(".quick-input-list .monaco-list-row");
    for (const end = Date.now() + 90_000; Date.now() < end;) {
      await page.keyboard.press("F1");
      if (!await page.locator(".quick-input-widget input").first().fill(">Kernelscope: Compare", { timeout: 2000 }).then(() => true, () => false)) continue;
      const there = await rows.filter({ hasText: "Compare Models" }).first().waitFor({ timeout: 1500 }).then(() => true, () => false); // the only one that is also there where nothing may run
      await page.keyboard.press("Escape");
      if (there) return;
      await page.waitForTimeout(1000);
    }
    await this.picture("failure");
    throw new Error("The extension did not register.");
  }

  /** The window again, by its own command: it keeps what is open before it goes, which a browser's reload may come before. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent("domcontentloaded", { timeout: 90_000 });
    await this.command("Developer: Reload Window");
    await loaded;
    await this.page.waitForSelector(".monaco-workbench .part.editor", { timeout: 90_000 });
    await this.registered();
  }

  stop(): Promise<void> {
    Workbench.all.delete(this);
    return this.shown.close();
  }

  /** What stands in the window and on its pages, of each what it has in its first lines; the picture is kept. */
  async seen(picture: string): Promise<string> {
    const soon = <T>(work: Promise<T>): Promise<T | undefined> => Promise.race([work.catch(() => undefined), new Promise<undefined>((resolve) => setTimeout(resolve, 3000))]);
    await soon(this.picture(picture));
    const frames = await Promise.all(this.page.frames().map((frame) => soon(frame.evaluate(() => `${document.title} (${document.body.dataset.ready ?? "no page"}): ${document.body.innerText.replace(/\s+/g, " ").slice(0, 700)}`))));
    return frames.map((text) => text ?? "a frame that does not answer").join("\n");
  }

  /** Opens a file from the Explorer and gives its page once it shows something. */
  async open(name: string): Promise<Frame> {
    await this.listed(name);
    await this.forgetPages();
    await this.row(name).dblclick();
    // a busy workbench may lose the click
    await this.page.locator(".tab", { hasText: name }).first().waitFor({ timeout: 10_000 }).catch(() => this.row(name).dblclick());
    return this.modelPage(name);
  }

  /** Brings an open editor back to the front, and gives its page. */
  async front(name: string): Promise<Frame> {
    await this.page.locator(".tab").filter({ has: this.page.getByText(name, { exact: true }) }).first().click();
    return this.modelPage(name);
  }

  row(name: string) { return this.page.locator(".explorer-folders-view .monaco-list-row").filter({ has: this.page.getByText(name, { exact: true }) }).first(); }

  /** Waits until a file is in the Explorer, which does not see what was written before the workbench watched the folder. */
  private async listed(name: string): Promise<void> {
    await this.row(name).waitFor({ timeout: 5000 }).catch(() => this.command("Refresh Explorer"));
    await this.row(name).waitFor();
  }

  /** The page of an open model: the frame inside the webview's frame. */
  async modelPage(name: string, patience = 60_000): Promise<Frame> {
    for (const end = Date.now() + patience; Date.now() < end;) {
      for (const frame of this.page.frames()) {
        const found = await frame.evaluate(() => [document.title, document.body?.dataset.ready] as const).catch(() => undefined);
        if (found?.[0] === name && found[1]) return frame;
      }
      await this.page.waitForTimeout(100);
    }
    await this.picture("failure");
    throw new Error(`The page of ${name} did not appear.`);
  }

  /** Puts a theme on, and waits until the window and its pages wear it. */
  async wear(theme: keyof typeof THEMES): Promise<void> {
    mkdirSync(path.join(this.folder, ".vscode"), { recursive: true });
    writeFileSync(path.join(this.folder, ".vscode", "settings.json"), JSON.stringify({ "workbench.colorTheme": theme }));
    await this.page.waitForSelector(`.monaco-workbench.${THEMES[theme]}`);
    const worn = () => Promise.all(this.page.frames().map((frame) => frame.evaluate(() => document.body.dataset.vscodeThemeKind).catch(() => undefined)));
    for (const end = Date.now() + 5000; (await worn()).some((kind) => kind !== undefined && kind !== PAGES[THEMES[theme]]) && Date.now() < end;) await this.page.waitForTimeout(50);
    await this.page.waitForTimeout(200); // what fades has faded
  }

  /** A model's page with its graph drawn and a layer's details beside it. */
  async openGraph(name: string): Promise<Frame> {
    const page = await this.open(name);
    await page.waitForSelector(".graph[data-ready]", { state: "attached" });
    await page.waitForSelector(".side[data-layer]", { state: "attached" });
    return page;
  }

  /** An entry of a file's context menu, opened again where the Explorer drew itself anew and closed it. */
  async menu(name: string, entry: string): Promise<void> {
    const item = this.page.locator(".monaco-menu .action-menu-item", { hasText: entry });
    await this.listed(name);
    await this.forgetPages();
    for (let tries = 3; ; tries--) {
      await this.row(name).click({ button: "right" });
      try {
        await item.hover({ timeout: tries ? 5000 : 30_000 });
        await this.page.waitForTimeout(300); // a menu takes no click right after it opens
        await item.click({ timeout: tries ? 2000 : 30_000 });
        return;
      } catch (error) {
        if (!tries) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** What a file's context menu has, which is closed again. */
  async entries(name: string): Promise<string[]> {
    const items = this.page.locator(".monaco-menu .action-menu-item");
    await this.row(name).click({ button: "right" });
    await items.first().waitFor();
    const all = await items.allInnerTexts();
    for (; await items.count(); await this.page.waitForTimeout(100)) await this.page.keyboard.press("Escape"); // a menu takes no key right after it opens
    return all.map((text) => text.trim());
  }

  /** Two files selected in the Explorer, then *Compare Models*; the larger one stands first. @param entry the command in the window's language */
  async compare(first: string, second: string, entry = "Compare Models"): Promise<Frame> {
    const { keyboard } = this.page, bytes = (name: string) => statSync(path.join(this.folder, name)).size;
    for (const name of [first, second]) await this.listed(name);
    const opened = (timeout: number) => this.page.locator(".tab", { hasText: first }).waitFor({ timeout }).then(() => true, () => false);
    do await this.row(first).click(); while (!await opened(5000)); // an Explorer that draws itself anew takes no click
    await this.page.waitForTimeout(1000); // until the Explorer has revealed it
    await keyboard.down("Control");
    await this.row(second).click();
    await keyboard.up("Control");
    await this.menu(second, entry);
    return this.modelPage([first, second].sort((a, b) => bytes(b) - bytes(a)).join(" ↔ "));
  }

  /** Nothing open, no message in the way. */
  async tidy(): Promise<void> {
    const { keyboard } = this.page, unsaved = this.page.locator(".monaco-dialog-box .monaco-button", { hasText: "Don't Save" });
    await keyboard.press("Control+k"); // as View: Close All Editors
    await keyboard.press("Control+w");
    const isClosed = () => this.page.locator(".part.editor .tab").first().waitFor({ state: "detached", timeout: 2000 }).then(() => true, () => false);
    if (!await isClosed()) {
      if (await unsaved.count()) await unsaved.click();
      else await this.command("View: Close All Editors");
    }
    if (await this.page.locator(".notification-toast").count()) await this.command("Notifications: Clear All Notifications");
    for (const end = Date.now() + 2000; await this.page.locator("iframe.webview").count() && Date.now() < end;) await this.page.waitForTimeout(50); // pages of what was closed
    await this.forgetPages();
  }

  /** Takes leave of the service worker of pages that are gone: Chromium lets the next page's wait a second for the end of that. */
  private async forgetPages(): Promise<void> {
    if (!process.env.KERNELSCOPE_WORKBENCH || await this.page.locator("iframe.webview").count()) return;
    const devtools = await this.page.context().newCDPSession(this.page);
    await devtools.send("Storage.clearDataForOrigin", { origin: new URL(this.page.url()).origin, storageTypes: "service_workers" });
    await devtools.detach();
  }

  /** As it was when it opened: at its width, nothing open, the side bar in sight. */
  async afresh(): Promise<void> {
    await this.page.setViewportSize({ width: 1440, height: 900 });
    await this.tidy();
    await this.sideBar(true);
  }

  /** Shows or hides the side bar. */
  async sideBar(wanted: boolean): Promise<void> {
    if (await this.page.locator(".part.sidebar").isVisible() !== wanted) await this.command("View: Toggle Primary Side Bar Visibility");
  }

  async command(title: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input").first();
    // a palette that is still closing takes no key, or closes over the one just opened
    for (let attempt = 1; ; attempt++) {
      await this.page.keyboard.press("F1");
      try {
        await input.fill(`>${title}`, { timeout: 3000 });
        await this.page.locator(".quick-input-list .monaco-list-row").first().waitFor({ timeout: 5000 });
        break;
      } catch (error) {
        if (attempt === 6) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
    await this.page.keyboard.press("Enter");
  }

  /** Chooses from the list that a command asks with; given again where the list was closed by what came into focus meanwhile. */
  async choose(title: string, entry: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.command(title);
      try {
        await this.page.locator(".quick-input-list .monaco-list-row", { hasText: entry }).click({ timeout: 8000 });
        return;
      } catch (error) {
        if (attempt === 3) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Keeps a picture as test output; one for the README goes to docs/images too. */
  async picture(name: string, readme = false): Promise<void> {
    mkdirSync("test-results", { recursive: true });
    await this.page.mouse.move(0, 0);
    await this.page.screenshot({ path: `test-results/${name}.png` });
    if (!readme) return;
    mkdirSync("docs/images", { recursive: true });
    cpSync(`test-results/${name}.png`, `docs/images/${name}.png`);
  }
}
