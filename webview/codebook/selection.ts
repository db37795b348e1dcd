import type { BlockChoice, ChosenBlocks, UmapPlaces } from "../../src/protocol/api";
import { chosenBy, MOST_OUTLINES, type Outline } from "../../src/protocol/outline";
import type { How, Plane } from "./lasso";
import type { Shelf } from "./shelf";

/** Blocks that somebody has chosen in a layer, as the page keeps it: by outlines in a plane or by codewords. What is drawn in a UMAP chooses of its sample alone. */
export interface Wanted {
  layer: string;
  /** Weights of a block. */
  size: number;
  plane?: Plane;
  outlines?: Outline[];
  /** Codewords, of so many. */
  words?: { list: number[]; of: number };
  /** Blocks of a sample of so many. */
  blocks?: { list: number[]; of: number };
}

/** A choice and what was counted for it, in this codebook. */
export interface Chosen { wanted: Wanted; facts: ChosenBlocks; shelf: Shelf }

/** Blocks of the sample that a choice was made in, where that was not the whole layer: what it is of all is not known then. */
export const sampleOf = ({ wanted: { blocks }, shelf: { facts: { index } } }: Chosen): number | undefined => (blocks && blocks.of < index.length ? blocks.of : undefined);

/** Whether a choice has a block. */
export const has = ({ facts: { inside } }: Chosen, block: number): boolean => (inside[block >> 3] >> (block & 7) & 1) === 1;

/** The one choice of blocks that all panes share. The worker counts it, on all blocks of the layer. */
export class Selection {
  private shelf: Shelf | undefined;
  private asked = 0;
  chosen: Chosen | undefined;

  /** @param changed the choice, or what is known of it, is another one @param save keeps it with the page */
  constructor(private readonly ask: (codebook: number, choice: BlockChoice) => Promise<ChosenBlocks | undefined>, private readonly changed: () => void, private readonly save: (wanted: Wanted | undefined) => void, private wanted?: Wanted) {}

  /** What is chosen in the codebook that is shown, counted or not yet. */
  get present(): Wanted | undefined { return this.wanted && this.shelf && isOf(this.wanted, this.shelf) ? this.wanted : undefined; }

  /** Another codebook stands there: what was chosen in its layer is counted anew. */
  show(shelf: Shelf | undefined): void {
    this.shelf = shelf;
    if (this.present) void this.count();
    else this.drop();
  }

  /** An outline was drawn. @param umap the places of its plane, where that is no principal one */
  draw(outline: Outline, how: How, plane: Plane, umap: UmapPlaces | undefined): void {
    const { shelf, present } = this;
    if (!shelf) return;
    const before = how !== "new" && present?.plane === plane ? present.outlines ?? [] : [], outlines = [...before, outline].slice(-MOST_OUTLINES);
    if (how === "take" && !before.length) return;
    this.set({ layer: shelf.facts.layer, size: shelf.size, plane, outlines, ...(plane === "umap" && umap && inUmap(umap, outlines)) });
  }

  /** Codewords were chosen: more than one, or none. */
  words(list: readonly number[]): void {
    const { shelf, present } = this;
    if (!shelf) return;
    if (list.length > 1) this.set({ layer: shelf.facts.layer, size: shelf.size, words: { list: [...list], of: shelf.facts.codewords } });
    else if (present && !present.outlines) this.clear();
  }

  clear(): void {
    this.wanted = undefined;
    this.save(undefined);
    this.drop();
  }

  private set(wanted: Wanted): void {
    this.wanted = wanted;
    this.save(wanted);
    void this.count();
  }

  private drop(): void {
    this.asked++;
    if (!this.chosen) return;
    this.chosen = undefined;
    this.changed();
  }

  /** The newest question wins; what was known stays until then. */
  private async count(): Promise<void> {
    const { shelf, wanted } = this, asked = ++this.asked;
    if (!shelf || !wanted) return;
    const facts = await this.ask(shelf.facts.id, choiceOf(wanted)).catch(() => undefined);
    if (asked !== this.asked) return;
    this.chosen = facts && { wanted, facts, shelf };
    this.changed();
  }
}

const isOf = ({ layer, size, words }: Wanted, { facts, size: own }: Shelf): boolean => layer === facts.layer && size === own && (!words || words.of === facts.codewords);

const choiceOf = ({ outlines, words, blocks }: Wanted): BlockChoice => (blocks ? { blocks: Uint32Array.from(blocks.list) } : words ? { words: Uint32Array.from(words.list) } : { outlines: outlines ?? [] });

/** The blocks of a UMAP's sample that outlines choose; its codewords where it has no blocks. */
function inUmap({ blocks, which, words }: UmapPlaces, outlines: readonly Outline[]): Pick<Wanted, "blocks" | "words"> {
  const isChosen = chosenBy(outlines), inside = (places: Float32Array): number[] => Array.from({ length: places.length / 2 }, (_, i) => i).filter((i) => isChosen(places[2 * i], places[2 * i + 1]));
  return which.length ? { blocks: { list: inside(blocks).map((i) => which[i]), of: which.length } } : { words: { list: inside(words), of: words.length / 2 } };
}

/** What a page that was kept says, if it makes sense. */
export function wantedOf(saved: unknown): Wanted | undefined {
  if (typeof saved !== "object" || saved === null || !("layer" in saved) || typeof saved.layer !== "string" || !("size" in saved) || typeof saved.size !== "number") return undefined;
  return saved as Wanted;
}
