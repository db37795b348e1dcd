import type { NodeSpec, TensorData } from "../../src/onnx/encode";
import { Random } from "../../src/numeric/random";
import { floats, modelBytes, value, wave } from "../unit/onnx/models";

/** A network's graph without its meaning: edges lead from lower numbers to higher ones. */
export interface GeneratedGraph { op: string[]; from: number[]; to: number[]; label: string[] }

const KINDS = ["chain", "residual", "branches", "dense"] as const;

/**
 * A network of about `count` nodes: rows of residual blocks, blocks of two to four branches, dense blocks and chains, one after the other, and
 * skips over many of them, one within the other, as networks have that make pictures. The same seed makes the same network.
 */
export function generatedGraph(count: number, seed: number): GeneratedGraph {
  const random = new Random(seed), graph: GeneratedGraph = { op: [], from: [], to: [], label: [] }, below = (n: number): number => random.below(n);
  let scope = "stem";
  const add = (op: string, ...inputs: number[]): number => {
    const id = graph.op.length;
    graph.op.push(op);
    graph.label.push(`${scope}.${op.toLowerCase()}${id}`);
    for (const input of new Set(inputs)) { graph.from.push(input); graph.to.push(id); }
    return id;
  };
  const chain = (length: number, input: number): number => { for (let i = 0; i < length; i++) input = add("Conv", input); return input; };
  let last = add("input"), stage = 0;
  const open: number[] = [];
  while (graph.op.length < count - 1) {
    const kind = KINDS[below(KINDS.length)], times = 1 + below(4);
    for (let block = 0; block < times && graph.op.length < count - 1; block++) {
      scope = `stages.${stage}.${block}`;
      const input = last;
      if (kind === "chain") last = chain(1 + below(3), input);
      else if (kind === "residual") last = add("Add", chain(2 + below(2), input), graph.op[input] === "Concat" ? chain(1, input) : input);
      else if (kind === "branches") last = add("Concat", ...Array.from({ length: 2 + below(3) }, (_, i) => chain(1 + (i + below(2)) % 4, input)));
      else {
        const made = [input];
        for (let i = 0; i < 3; i++) made.push(chain(1, made.length > 1 ? add("Concat", ...made) : input));
        last = add("Concat", ...made);
      }
    }
    stage++;
    if (open.length && below(3) === 0) last = add("Concat", last, open.pop()!);
    else if (open.length < 4 && below(3) === 0) open.push(last);
  }
  scope = "head";
  add("output", last);
  return graph;
}

/** The same as a model: convolutions of 1×1 to four channels, on 8×8 pictures. Without names, layers are told apart by their weights' alone. */
export function generatedModel(count: number, seed: number, named = true): Uint8Array {
  const { op, from, to, label } = generatedGraph(count, seed), inputs: number[][] = op.map(() => []), channels: number[] = [], nodes: NodeSpec[] = [], initializers: TensorData[] = [];
  from.forEach((a, i) => inputs[to[i]].push(a));
  const nameOf = (i: number): string => (op[i] === "input" ? "x" : `t${i}`);
  op.forEach((kind, i) => {
    const sources = inputs[i].map(nameOf), before = inputs[i].reduce((sum, a) => sum + channels[a], 0), name = named ? `/${label[i].replaceAll(".", "/")}` : "";
    channels[i] = kind === "Concat" ? before : 4;
    if (kind === "Add") channels[i] = channels[inputs[i][0]];
    if (kind === "Conv") {
      const weight = named ? `${label[i]}.weight` : `w${i}`;
      initializers.push(floats(weight, [4, before, 1, 1], wave(4 * before, i)));
      nodes.push({ op: "Conv", name, inputs: [...sources, weight], outputs: [nameOf(i)] });
    } else if (kind !== "input" && kind !== "output") nodes.push({ op: kind, name, inputs: sources, outputs: [nameOf(i)], attributes: kind === "Concat" ? { axis: 1 } : {} });
  });
  const last = inputs[op.length - 1][0];
  return modelBytes({ nodes, initializers, inputs: [value("x", [1, 4, 8, 8])], outputs: [value(nameOf(last), [1, channels[last], 8, 8])] });
}
