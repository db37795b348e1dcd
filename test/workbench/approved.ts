import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { png, readPng, type Picture } from "../helpers/png";

const FOLDER = "test/workbench/approved", BLOCK = 4;
/** How far a channel may be off, and how many pixels may be further off. */
const LEVELS = 40, SHARE = 0.005;

/**
 * The share of a screenshot's pixels that are others than in the approved one, both at a quarter of their size, where letters are grey and what stands where counts.
 * With KERNELSCOPE_APPROVE=1 it becomes the approved one; look at it then.
 */
export function unlikeApproved(name: string, screenshot: Uint8Array): number {
  const now = shrunk(readPng(screenshot)), file = `${FOLDER}/${name}.png`, write = (path: string): void => writeFileSync(path, png(now.pixels, now.width, now.height));
  if (process.env.KERNELSCOPE_APPROVE === "1") {
    mkdirSync(FOLDER, { recursive: true });
    write(file);
  }
  if (!existsSync(file)) throw new Error(`There is no ${file}. KERNELSCOPE_APPROVE=1 makes it.`);
  const share = unlike(now, readPng(readFileSync(file)));
  if (share > SHARE) write(`test-results/approved-${name}.png`);
  return share;
}

/** How many pixels may be others. */
export const MOST_UNLIKE = SHARE;

function unlike(a: Picture, b: Picture): number {
  if (a.width !== b.width || a.height !== b.height) return 1;
  let others = 0;
  for (let i = 0; i < a.pixels.length; i += 3) if ([0, 1, 2].some((c) => Math.abs(a.pixels[i + c] - b.pixels[i + c]) > LEVELS)) others++;
  return others / (a.width * a.height);
}

/** Means of blocks. */
function shrunk({ pixels, width, height }: Picture): Picture {
  const across = Math.floor(width / BLOCK), down = Math.floor(height / BLOCK), small = new Uint8Array(3 * across * down);
  for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) for (let c = 0; c < 3; c++) {
    let sum = 0;
    for (let v = 0; v < BLOCK; v++) for (let u = 0; u < BLOCK; u++) sum += pixels[3 * ((y * BLOCK + v) * width + x * BLOCK + u) + c];
    small[3 * (y * across + x) + c] = sum / BLOCK ** 2;
  }
  return { pixels: small, width: across, height: down };
}
