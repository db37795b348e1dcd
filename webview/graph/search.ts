import type { GraphNodeFacts } from "../../src/protocol/api";

/** What a search looks at: names, operators, sizes, attributes and tensors of a node, and of what is folded into it. */
export class SearchIndex {
  private texts: string[] | undefined;

  constructor(private readonly nodes: readonly GraphNodeFacts[]) {}

  /** Ids of the nodes that have all words of a search; a word in quotes may hold spaces. */
  find(wanted: string): Set<number> {
    const words = [...wanted.matchAll(/"([^"]*)"?|(\S+)/g)].map(([, quoted, plain]) => tidy(quoted ?? plain)).filter(Boolean);
    if (!words.length) return new Set();
    this.texts ??= this.nodes.map(textOf);
    return new Set(this.texts.flatMap((text, id) => (words.every((word) => text.includes(word)) ? [id] : [])));
  }
}

/** Sizes may be typed with an x or a comma, attributes with or without spaces. */
const tidy = (words: string): string => words.toLowerCase().replace(/(\d)(x|\s*,\s*)(?=\d|$|\s)/g, "$1×").replace(/\s*=\s*/g, "=");

const textOf = ({ name, label, op, caption, fused, layer = "", outputs, shape = [], attributes = [] }: GraphNodeFacts): string =>
  tidy([name, label, op, caption, ...fused, layer, ...outputs, shape.join("×"), ...attributes.map(([key, value]) => `${key}=${value}`)].join("\n"));
