import type { ByteSource, DataAccess } from "../onnx/bytes";
import type { ValueFacts } from "../protocol/api";
import { schemaWords } from "./schema-words";
import { KernelscopeError } from "../protocol/errors";
import { readJson } from "../protocol/json-text";
import { decodeImage } from "./images";
import { openNpy, type NpyArray } from "./npy";
import { openNpz } from "./npz";
import type { Pixels } from "./resize";
import { Preprocess, prepareFiles, prepareImage, preparePixels, resolvePreprocess, type Preparation } from "./preprocess";

/** Samples in a fixed order, prepared for a model. */
export interface Dataset {
  readonly size: number;
  /** Shape of one sample. */
  readonly shape: readonly number[];
  /** Class of each sample, where the data says. */
  readonly labels?: Int32Array;
  /** Names of the classes, where the data says. */
  readonly classes?: readonly string[];
  /** How pictures become samples; absent where samples are taken as they are. */
  readonly preparation?: Preparation;
  readonly notes: readonly string[];
  /** What speaks against these samples for the model. */
  readonly doubts?: readonly string[];
  /** The samples of these positions, one after the other. */
  batch(positions: ArrayLike<number>): Promise<Float32Array>;
  /** Name of a sample for people. */
  nameOf(position: number): string;
}

/** A data folder, on a machine that may have better ways to read images than one after the other. */
export interface ImageAccess extends DataAccess {
  /** Files as the model's input: the same values as {@link prepareFiles} gives. */
  prepare?(files: readonly string[], to: Preparation): Promise<Float32Array>;
}

/** Said where each grey goes into three channels. */
const GREY = "The images are grey and the model takes colours, so each grey goes into all three channels.";
/** So many images are looked at for colours. */
const LOOKED_AT = 4;

const IMAGE = /\.(jpe?g|png)$/i;

/**
 * Opens `class/*.jpg|png`, images at the top, `images.npy` (+ `labels.npy`) or one `.npz` with those names.
 * @param overrides go before the folder's own dataset.json, the first that sets a field counts
 * @throws KernelscopeError "bad-data"
 */
export async function openDataset(data: ImageAccess, input: ValueFacts, ...overrides: (Preprocess | undefined)[]): Promise<Dataset> {
  const top = await data.list("");
  if (!top) return openArrays(await archive(data), data.name, input, overrides);
  const names = new Set(top.map(({ name }) => name));
  const own = names.has("dataset.json") ? await readPreprocess(await data.open("dataset.json"), `${data.name}/dataset.json`) : undefined;
  const sources = [...overrides, own];
  if (names.has("images.npy")) {
    const open = async (name: string) => (names.has(`${name}.npy`) ? openNpy(await data.open(`${name}.npy`), `${name}.npy`) : undefined);
    return openArrays({ images: await open("images"), labels: await open("labels") }, data.name, input, sources);
  }
  const npz = top.filter(({ name, folder }) => !folder && name.endsWith(".npz"));
  if (npz.length === 1) return openArrays(await archive({ ...data, open: () => data.open(npz[0].name) }), npz[0].name, input, sources);
  return openImages(data, top, input, sources);
}

/** Reads and checks a preprocessing file. */
export async function readPreprocess(source: ByteSource, name: string): Promise<Preprocess> {
  const parsed = Preprocess.safeParse(readJson(new TextDecoder().decode(await source.read(0, source.size)), name, "bad-data"));
  if (!parsed.success) throw new KernelscopeError("bad-data", `${name}: ${schemaWords(parsed.error)}`);
  return parsed.data;
}

/** Rows of an array with so few bytes between them are read at once, with these, but no more than so many together. */
const NEAR = 1 << 17, AT_ONCE = 1 << 22;

interface Arrays { images?: NpyArray; labels?: NpyArray }

async function archive(data: DataAccess): Promise<Arrays> {
  const members = await openNpz(await data.open(""), data.name);
  const open = async (name: string) => {
    const member = members.get(name);
    return member && openNpy(await member(), `${name}.npy in ${data.name}`);
  };
  return { images: await open("images"), labels: await open("labels") };
}

async function openArrays({ images, labels }: Arrays, name: string, input: ValueFacts, sources: (Preprocess | undefined)[]): Promise<Dataset> {
  if (!images) throw new KernelscopeError("bad-data", `${name} holds no array called "images".`);
  if (images.dims.length < 2 || images.dims[0] === 0) throw new KernelscopeError("bad-data", `"images" in ${name} holds no samples.`);
  const size = images.dims[0];
  if (labels && labels.dims[0] !== size) throw new KernelscopeError("bad-data", `${name} has ${size} images but ${labels.dims[0]} labels.`);
  const classes = labels && Int32Array.from(await labels.rows(0, size));
  const common = { size, labels: classes, classes: sources.find((s) => s?.classes)?.classes, nameOf: (position: number) => `image ${position}` };
  const length = images.dims.slice(1).reduce((a, b) => a * b, 1), bytes = length * Number(images.type.slice(1)), near = NEAR / bytes, most = AT_ONCE / bytes;
  const rows = async (positions: ArrayLike<number>, each: (values: Float32Array, i: number) => void) => {
    const order = Array.from(positions, (position, i) => ({ position, i })).sort((a, b) => a.position - b.position);
    for (let start = 0, end = 1; start < order.length; start = end++) {
      const first = order[start].position;
      while (end < order.length && order[end].position - order[end - 1].position <= 1 + near && order[end].position - first < most) end++;
      const values = await images.rows(first, order[end - 1].position - first + 1);
      for (const { position, i } of order.slice(start, end)) each(values.subarray((position - first) * length, (position - first + 1) * length), i);
    }
  };
  // Floats, and anything whose shape is the model's, are taken as prepared unless the preprocessing says otherwise.
  const modelShape = input.shape.slice(1), ownShape = images.dims.slice(1);
  const fits = modelShape.length === ownShape.length && modelShape.every((d, i) => typeof d !== "number" || d <= 0 || d === ownShape[i]);
  const isBytes = images.type === "u1";
  if (!isBytes && fits && !sources.some((s) => s?.mean !== undefined || s?.std !== undefined || s?.scale !== undefined)) {
    return {
      ...common, shape: ownShape, notes: [`${name}: arrays used as they are`],
      async batch(positions) {
        const out = new Float32Array(positions.length * length);
        await rows(positions, (values, i) => out.set(values, i * length));
        return out;
      },
    };
  }
  const { height, width, channels, first } = imageShape(ownShape, name);
  const preparation = resolvePreprocess(input, { height, width, channels }, ...sources);
  return {
    ...common, preparation, shape: preparation.shape, notes: preparation.notes, doubts: channels === 1 && preparation.channels !== "gray" ? [GREY] : [],
    async batch(positions) {
      const prepared = preparation.shape.reduce((a, b) => a * b, 1), out = new Float32Array(positions.length * prepared);
      await rows(positions, (values, i) => prepareValues(values, { height, width, channels, first }, preparation, isBytes, out, i * prepared, name));
      return out;
    },
  };
}

/** Where height, width and channels are in an array of images. */
function imageShape(dims: number[], name: string): { height: number; width: number; channels: number; first: boolean } {
  if (dims.length === 2) return { height: dims[0], width: dims[1], channels: 1, first: true };
  const few = [1, 3, 4];
  if (dims.length === 3 && few.includes(dims[2])) return { height: dims[0], width: dims[1], channels: dims[2], first: false };
  if (dims.length === 3 && few.includes(dims[0])) return { height: dims[1], width: dims[2], channels: dims[0], first: true };
  throw new KernelscopeError("bad-data", `"images" in ${name} has samples of shape ${dims.join("×")}; images need height × width with 1, 3 or 4 channels first or last.`);
}

function prepareValues(values: Float32Array, shape: { height: number; width: number; channels: number; first: boolean }, to: Preparation, bytes: boolean, out: Float32Array, at: number, name: string): void {
  const { height, width, channels, first } = shape, count = height * width;
  if (bytes) {
    const rgba = new Uint8Array(count * 4).fill(255);
    for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) {
      const from = channels === 1 ? 0 : c;
      rgba[4 * i + c] = values[first ? from * count + i : i * channels + from];
    }
    prepareImage({ width, height, channels: 4, data: rgba }, to, out, at, name);
    return;
  }
  if (to.resize !== undefined || to.crop) throw new KernelscopeError("bad-data", `${name} holds floating-point images, which are not resized. Save them as uint8 or in the model's size.`);
  const wanted = to.channels === "gray" ? 1 : 3;
  if (channels !== wanted) throw new KernelscopeError("bad-data", `${name} has ${channels} channels, the model takes ${wanted}.`);
  const interleaved = new Float32Array(count * channels);
  for (let i = 0; i < count; i++) for (let c = 0; c < channels; c++) interleaved[i * channels + (to.channels === "bgr" ? 2 - c : c)] = values[first ? c * count + i : i * channels + c];
  preparePixels({ width, height, channels, data: interleaved as unknown as Uint8Array }, to, out, at);
}

async function openImages(data: ImageAccess, top: { name: string; folder: boolean }[], input: ValueFacts, sources: (Preprocess | undefined)[]): Promise<Dataset> {
  const files: string[] = [], labels: number[] = [];
  const folders = top.filter(({ folder, name }) => folder && !name.startsWith(".")).map(({ name }) => name).sort();
  const named = sources.find((s) => s?.classes)?.classes, classes = named ?? (folders.length ? folders : undefined);
  if (folders.length && classes) {
    const unknown = folders.find((folder) => !classes.includes(folder));
    if (unknown !== undefined) throw new KernelscopeError("bad-data", `The folder ${unknown} in ${data.name} is not in the class list.`);
    for (const folder of folders) {
      for (const { name } of sorted((await data.list(folder)) ?? [])) {
        files.push(`${folder}/${name}`);
        labels.push(classes.indexOf(folder));
      }
    }
  } else {
    for (const { name } of sorted(top)) files.push(name);
  }
  if (!files.length) throw new KernelscopeError("bad-data", `${data.name} holds no JPEG or PNG images, no images.npy and no .npz. Choose a folder with one subfolder a class, or with images.`);
  const bytesOf = async (file: string) => {
    const source = await data.open(file);
    return source.read(0, source.size);
  };
  const { width, height } = await decodeImage(await bytesOf(files[0]), files[0]);
  const preparation = resolvePreprocess(input, { height, width }, ...sources);
  const isGrey = async (): Promise<boolean> => {
    for (let i = 0; i < LOOKED_AT; i++) {
      const file = files[Math.floor(i * files.length / LOOKED_AT)];
      if (!isWithoutColour(await decodeImage(await bytesOf(file), file))) return false;
    }
    return true;
  };
  return {
    size: files.length, classes, preparation, shape: preparation.shape, notes: preparation.notes, doubts: preparation.channels !== "gray" && await isGrey() ? [GREY] : [],
    labels: labels.length ? Int32Array.from(labels) : undefined,
    nameOf: (position) => files[position],
    batch(positions) {
      const chosen = Array.from(positions, (position) => files[position]);
      return data.prepare ? data.prepare(chosen, preparation) : prepareFiles(chosen, bytesOf, preparation);
    },
  };
}

const isWithoutColour = ({ data }: Pixels): boolean => {
  for (let i = 0; i < data.length; i += 4) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
};

const sorted = (entries: { name: string; folder: boolean }[]): { name: string }[] =>
  entries.filter(({ name, folder }) => !folder && IMAGE.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));

/** So many samples leave some to be fitted to, to be measured on and to be watched in a training. */
const LEAST_SAMPLES = 10;

/** Says that a folder has too few samples, and how many are needed. @param why what none is left for: "to fit to" */
export const tooFew = (folder: string, size: number, why: string): KernelscopeError => new KernelscopeError("bad-data", `${folder} holds ${size === 1 ? "1 sample" : `${size.toLocaleString("en")} samples`}, which leaves none ${why}, for one in five is kept to measure on. Give ${LEAST_SAMPLES} at least; some hundreds tell much more.`);

/**
 * Splits positions of a data set into 80 % for fitting and 20 % for reporting by a hash of the position, or none for reporting where asked.
 */
export function splitPositions(size: number): { fit: number[]; held: number[] } {
  const fit: number[] = [], held: number[] = [];
  for (let i = 0; i < size; i++) (hash(i) % 5 === 0 ? held : fit).push(i);
  return { fit, held };
}

function hash(i: number): number {
  let h = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
