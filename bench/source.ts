import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { npy } from "../test/helpers/npy";
import type { Augmentation } from "../src/training/augment";

/** Labelled images as they are stored. */
export interface Images {
  /** [count, H, W, C] */
  images: Uint8Array;
  /** One class for each image. */
  labels: Uint8Array;
}

/** A public set of labelled images. */
export interface Source {
  name: string;
  /** The classes in the order of their numbers. */
  classes: readonly string[];
  /** [C, H, W] */
  shape: readonly number[];
  channels: "rgb" | "gray";
  /** Of each channel, as shares of 255. */
  mean: readonly number[];
  deviation: readonly number[];
  /** How training varies its images. */
  augmentation: Augmentation;
  /** How many there are to train on. */
  trained: number;
  /** The first `count` images to train on. */
  train(count: number): Promise<Images>;
  /** All images to test with. */
  test(): Promise<Images>;
}

/** Writes images as a data set that the product reads, normalised as its source says unless a job says otherwise; returns its folder. */
export function writeDataset(parent: string, name: string, { shape: [depth, height, width], classes, channels, mean, deviation }: Pick<Source, "shape" | "classes" | "channels" | "mean" | "deviation">, { images, labels }: Images): string {
  const target = path.join(parent, name);
  mkdirSync(target, { recursive: true });
  // another bench may be reading what is there
  const write = (name: string, content: Uint8Array | string): void => {
    const part = path.join(target, `${name}.${process.pid}.part`);
    writeFileSync(part, content);
    renameSync(part, path.join(target, name));
  };
  write("images.npy", npy([labels.length, height, width, depth], images));
  write("labels.npy", npy([labels.length], labels));
  write("dataset.json", JSON.stringify({ classes, channels, scale: 1 / 255, mean, std: deviation }));
  return target;
}
