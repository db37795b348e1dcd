import type * as vscode from "vscode";
import type { CompressRequest } from "../protocol/api";
import type { MeasuredPoint, WrittenSize } from "../protocol/recipe-page";
import { askedOf, isSame, traitsBeside, type Asked } from "./asked";
import { stampOf } from "./tuned-store";

/** So many of each are remembered for a model, those that were made last. */
const MOST = 40;

/** A result as it is remembered: what it was asked for, and of which file of the model. */
type Kept<T> = T & { asked?: Asked; model?: string };
type Point = Omit<MeasuredPoint, "isOwn" | "traits">;
type Size = Omit<WrittenSize, "isOwn">;

/** What was written and measured of models, beside the recipes that it can be held against. */
export class Results {
  constructor(private readonly state: vscode.Memento) {}

  /** Keeps what a file was measured at, which a request asked for. */
  addMeasured(model: vscode.Uri, point: Point, request: CompressRequest): Promise<void> {
    return this.add(measuredKey(model), model, point, request, (other) => other.beforeTuning === point.beforeTuning);
  }

  /** Keeps the sizes of a file that was written. */
  addWritten(model: vscode.Uri, size: Size, request: CompressRequest): Promise<void> { return this.add(writtenKey(model), model, size, request, () => true); }

  private async add<T extends { bytes: number }>(key: string, { fsPath }: vscode.Uri, item: T, request: CompressRequest, isAlike: (other: T) => boolean): Promise<void> {
    const asked = askedOf(request), kept: Kept<T> = { ...item, asked, model: await stampOf(fsPath) };
    const others = this.state.get<Kept<T>[]>(key, []).filter((other) => !(isAlike(other) && (isSame(other.asked, asked) || other.bytes === item.bytes)));
    await this.state.update(key, [...others, kept].slice(-MOST));
  }

  /** All that is known of a model, as it stands beside a request. */
  async of(model: vscode.Uri, request: CompressRequest | undefined): Promise<{ measured: MeasuredPoint[]; written: WrittenSize[] }> {
    const stamp = await stampOf(model.fsPath), own = request && askedOf(request), isOwn = (of: Asked | undefined, file: string | undefined) => file === stamp && isSame(of, own);
    return {
      measured: this.state.get<Kept<Point>[]>(measuredKey(model), []).map(({ asked, model: file, ...point }) => ({ ...point, isOwn: !point.beforeTuning && isOwn(asked, file), traits: [...traitsBeside(asked, own, point.beforeTuning), ...(asked && file !== stamp ? ["model" as const] : [])] })),
      // what gzip leaves of integers says nothing of floats
      written: this.state.get<Kept<Size>[]>(writtenKey(model), []).flatMap(({ asked, model: file, ...size }) => (asked && own && asked.inference !== own.inference ? [] : [{ ...size, isOwn: isOwn(asked, file) }])),
    };
  }
}

const writtenKey = (model: vscode.Uri): string => `written ${model.toString()}`;
const measuredKey = (model: vscode.Uri): string => `measured ${model.toString()}`;
