import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { Random } from "../src/numeric/random";
import { npy } from "../test/helpers/npy";
import { findChromium } from "./chromium";
import { cacheFolder } from "./packages";

/** Pictures of printed text, drawn by Chromium with the fonts that are there. */

/** A line of text on a picture, from its left end. */
interface Line { text: string; font: string; colour: string; x: number; y: number; /** Radians. */ angle: number }
/** How a picture is drawn; what is right of `filled` stays grey, which is 0 for the networks. */
interface Picture { lines: Line[]; width: number; height: number; filled: number; from: string; to: string; noise: number; upsideDown: boolean; seed: number }

export interface TextImages { name: string; kind: "line" | "page"; count: number; width: number; height: number; /** Every other picture is turned by 180°. */ turned?: boolean; seed: number }

/** What the drawing is like: another one makes all pictures anew. */
const VERSION = 1;
const AT_ONCE = 32, MARGIN = 6;
const WORDS = ("the of and to in is that for on with as was at by this are be from or have an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years much where your way down should because long each just state those people too little world very still see men work here get both life being under never day same another know while last might great old year come since against go came right used take three BONJOUR Straße Total Invoice Street Quality North Office Amount Date Order Number EXIT OPEN SALE PLATFORM Gate Departure Weight Volume Price").split(" ");
const FONTS = ["DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Liberation Sans", "Liberation Serif", "Liberation Mono", "Liberation Sans Narrow"];

/** Draws pictures once, [height, width, 3] each, and keeps them in a folder as the product reads them. */
export async function textImages(images: TextImages, preparation: object): Promise<{ folder: string; texts: string[] }> {
  const folder = path.join(cacheFolder, "text", `${images.name}-${images.kind}-${images.count}-${images.width}x${images.height}-${images.seed}-v${VERSION}`);
  if (!existsSync(folder)) await draw(images, folder);
  writeFileSync(path.join(folder, "dataset.json"), JSON.stringify(preparation));
  return { folder, texts: readFileSync(path.join(folder, "texts.txt"), "utf8").split("\n") };
}

async function draw(images: TextImages, folder: string): Promise<void> {
  const { count, width, height } = images, random = new Random(images.seed, 7), size = width * height * 3, pixels = new Uint8Array(count * size), texts: string[] = [];
  const executablePath = findChromium();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage(), widthOf = async (lines: { text: string; font: string }[]) => page.evaluate(measure, lines);
    for (let first = 0; first < count; first += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, i) => describe(images, random, first + i)), widths = await widthOf(batch.flatMap(({ lines }) => lines));
      let at = 0;
      for (const picture of batch) {
        for (const line of picture.lines) shorten(line, widths[at++], width - line.x - MARGIN);
        texts.push(picture.lines.map(({ text }) => text).join(" | "));
      }
      if (images.kind === "line") {
        const now = await widthOf(batch.flatMap(({ lines }) => lines));
        batch.forEach((picture, i) => { picture.filled = Math.min(width, Math.ceil(now[i]) + 2 * MARGIN); });
      }
      const drawn = await page.evaluate(paint, batch);
      drawn.forEach((base64, i) => pixels.set(Buffer.from(base64, "base64"), (first + i) * size));
    }
  } finally {
    await browser.close();
  }
  const working = `${folder}.part`;
  rmSync(working, { recursive: true, force: true });
  mkdirSync(working, { recursive: true });
  writeFileSync(path.join(working, "images.npy"), npy([count, height, width, 3], pixels));
  writeFileSync(path.join(working, "texts.txt"), texts.join("\n"));
  renameSync(working, folder);
}

/** What one picture shows, all of it by chance. */
function describe({ kind, width, height, turned }: TextImages, random: Random, i: number): Picture {
  const between = (low: number, high: number) => low + (high - low) * random.next(), one = <T>(of: readonly T[]): T => of[Math.floor(random.next() * of.length)];
  const isDark = random.next() < 0.3, paper = () => `hsl(${between(0, 360)} ${between(0, 60)}% ${isDark ? between(5, 30) : between(75, 100)}%)`, ink = () => `hsl(${between(0, 360)} ${between(0, 90)}% ${isDark ? between(75, 100) : between(0, 35)}%)`;
  const word = () => (random.next() < 0.25 ? number() : capital(one(WORDS))), capital = (text: string) => (random.next() < 0.2 ? text.toUpperCase() : random.next() < 0.2 ? text[0].toUpperCase() + text.slice(1) : text);
  const number = () => one([() => `${Math.floor(between(0, 100_000))}`, () => `${between(0, 1000).toFixed(2)}`, () => `${Math.floor(between(1, 29))}/${Math.floor(between(1, 13))}/${Math.floor(between(1980, 2030))}`, () => `${Math.floor(between(1, 100))}%`])();
  const line = (pixels: number, x: number, y: number): Line => ({ text: Array.from({ length: 12 }, word).join(" "), font: `${one(["", "", "bold ", "italic "])}${Math.round(pixels)}px "${one(FONTS)}"`, colour: ink(), x, y, angle: between(-0.012, 0.012) });
  const common = { width, height, filled: width, from: paper(), to: paper(), noise: one([0, 4, 10]), upsideDown: turned === true && i % 2 === 1, seed: Math.floor(random.next() * 2 ** 31) };
  if (kind === "line") return { ...common, lines: [line(between(22, 36), MARGIN, height / 2)] };
  const lines: Line[] = [];
  for (let y = between(20, 60); y < height - 30;) {
    const pixels = between(16, 44);
    lines.push(line(pixels, between(10, 0.4 * width), y + pixels / 2));
    y += pixels * between(1.5, 3);
  }
  return { ...common, lines };
}

/** Leaves words out until a line is about as wide as it may be; the first stays. */
function shorten(line: Line, width: number, most: number): void {
  const words = line.text.split(" "), perCharacter = width / line.text.length;
  while (words.length > 1 && words.join(" ").length * perCharacter * 1.08 > most) words.pop();
  line.text = words.join(" ");
}

// what follows runs in the page

function measure(lines: { text: string; font: string }[]): number[] {
  const context = document.createElement("canvas").getContext("2d")!;
  return lines.map(({ text, font }) => {
    context.font = font;
    return context.measureText(text).width;
  });
}

function paint(pictures: Picture[]): string[] {
  return pictures.map(({ lines, width, height, filled, from, to, noise, upsideDown, seed }) => {
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d", { willReadFrequently: true })!;
    canvas.width = width;
    canvas.height = height;
    context.fillStyle = "rgb(128 128 128)";
    context.fillRect(0, 0, width, height);
    if (upsideDown) context.setTransform(-1, 0, 0, -1, filled, height);
    const gradient = context.createLinearGradient(0, 0, filled, height);
    gradient.addColorStop(0, from);
    gradient.addColorStop(1, to);
    context.fillStyle = gradient;
    context.fillRect(0, 0, filled, height);
    context.textBaseline = "middle";
    for (const { text, font, colour, x, y, angle } of lines) {
      context.save();
      context.translate(x, y);
      context.rotate(angle);
      context.font = font;
      context.fillStyle = colour;
      context.fillText(text, 0, 0);
      context.restore();
    }
    const { data } = context.getImageData(0, 0, width, height);
    let state = seed, binary = "";
    for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const shaken = (i >> 2) % width < filled ? data[i + c] + noise * ((state >>> 8) / 2 ** 23 - 1) : data[i + c];
      binary += String.fromCharCode(Math.max(0, Math.min(255, Math.round(shaken))));
    }
    return btoa(binary);
  });
}
