import { fromCodes } from "../numeric/grid";
import { Adam } from "./optimizer";

/**
 * Codewords as training moves them: whole numbers going forward, numbers in between for the gradients. They belong to one weight or to several, whose gradients add up;
 * the step that these make is taken before anybody looks again.
 */
export class Words {
  private readonly latent: Float32Array;
  private readonly whole: Float32Array;
  private readonly steps: Adam;
  private readonly top: number;
  private readonly waiting: Float32Array;
  /** The step that the gradients wait for; undefined where none do. */
  private step: number | undefined;
  /** Words that stay zero. */
  private readonly silent = new Set<number>();

  /** @param codes [words, block], see numeric/grid */
  constructor(codes: Uint8Array, private readonly bits: number, private readonly block: number) {
    this.latent = fromCodes(codes, bits);
    this.whole = new Float32Array(codes.length);
    this.waiting = new Float32Array(codes.length);
    this.steps = new Adam(codes.length);
    this.top = 2 ** (bits - 1) - 1;
  }

  /** Keeps words at zero, for the sake of output channels without any weight. */
  silence(words: Iterable<number>): void { for (const word of words) this.silent.add(word); }

  /** [words, block] as the network gets them. Good until the next call. */
  values(): Float32Array {
    this.settle();
    const { latent, whole, top } = this;
    for (let i = 0; i < latent.length; i++) whole[i] = Math.max(-top, Math.min(top, Math.round(latent[i])));
    return whole;
  }

  /** Adds a gradient to those that wait for the next step. @param rate its highest step, in steps of the grid */
  learn(gradient: Float32Array, rate: number): void {
    for (let i = 0; i < gradient.length; i++) this.waiting[i] += gradient[i];
    this.step = rate;
  }

  /** All that decides how it goes on. */
  get state(): readonly (Float32Array | Int32Array)[] {
    this.settle();
    return [this.latent, ...this.steps.state];
  }

  /** As codes of the grid. */
  get codes(): Uint8Array {
    const zero = 2 ** (this.bits - 1);
    return Uint8Array.from(this.values(), (v) => zero + v);
  }

  private settle(): void {
    const { latent, waiting, steps, top, block, step } = this;
    if (step === undefined) return;
    this.step = undefined;
    for (const word of this.silent) waiting.fill(0, word * block, (word + 1) * block);
    steps.step(latent, waiting, step);
    waiting.fill(0);
    for (let i = 0; i < latent.length; i++) latent[i] = Math.max(-top, Math.min(top, latent[i]));
  }
}
