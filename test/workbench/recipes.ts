import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { expect } from "vitest";
import type { Workbench } from "./workbench";

/** The recipe beside the sample, and the one result it has. */
export const NAME = "fashion.kernelscope.json", RESULT = "fashion-cnn.small.onnx";
export const withImages = { data: { folder: "./fashion-mnist" } };

export const slider = (page: Frame) => page.locator("[role=slider]");
/** What stands in the header of a recipe, in one line. */
export const figures = (page: Frame) => page.locator(".candidate").innerText().then((text) => text.replace(/\s+/g, " "));
/** Unfolds the settings, where they fold because the page is one column. */
export async function unfold(page: Frame): Promise<void> {
  const toggle = page.locator(".settings-toggle");
  if (await toggle.isVisible() && await toggle.getAttribute("aria-expanded") !== "true") await toggle.click();
}
/** Bytes that the page says the file will have. */
export const bytesNow = async (page: Frame): Promise<number> => Number(await slider(page).getAttribute("aria-valuenow"));

/** A recipe in a window of its sample, as text and as page. */
export class Recipe {
  constructor(private readonly workbench: Workbench) {}

  at(name: string): string { return path.join(this.workbench.folder, name); }
  size(name: string): number { return statSync(this.at(name)).size; }
  write(fields: object, name = NAME): void { writeFileSync(this.at(name), `${JSON.stringify({ version: 1, model: "./fashion-cnn.onnx", ...fields }, null, 2)}\n`); }
  read(name = NAME): Record<string, unknown> { return JSON.parse(readFileSync(this.at(name), "utf8")) as Record<string, unknown>; }

  /** Settings of its folder. */
  settings(values: object): void {
    mkdirSync(this.at(".vscode"), { recursive: true });
    writeFileSync(this.at(".vscode/settings.json"), JSON.stringify(values));
  }

  /** Its visual editor with its plan, the side bar out of the way. */
  async open(name = NAME): Promise<Frame> {
    await this.workbench.menu(name, "Open Recipe Editor");
    const page = await this.workbench.modelPage(name);
    await page.waitForSelector("body[data-ready=true]", { timeout: 90_000 });
    await this.workbench.sideBar(false);
    return page;
  }

  save(): Promise<void> { return this.workbench.page.keyboard.press("Control+s"); }

  /** Saves and waits until the file holds what a check wants. */
  async saved(check: (recipe: Record<string, unknown>) => void, name = NAME): Promise<void> {
    await expect.poll(async () => { await this.save(); try { check(this.read(name)); return "as wanted"; } catch (error) { return `${String(error)}: ${JSON.stringify(this.read(name))}`; } }, { timeout: 20_000, interval: 500 }).toBe("as wanted");
  }

  /** Types a size into the page's field. */
  async aim(page: Frame, size: string): Promise<void> {
    await page.locator(".recipe-size input").fill(size);
    await page.locator(".recipe-size input").press("Enter");
  }

  /** Entries of a list that asks. */
  get asked() { return this.workbench.page.locator(".quick-input-list .monaco-list-row"); }
}
