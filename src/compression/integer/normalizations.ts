import { affineOf, fixedNormalization } from "../../evaluation/integer/normalization";
import type { Grid } from "../../evaluation/integer/program";
import { LEVELS } from "../../evaluation/integer/grids";
import { exactAffine, type FixedAffine } from "../../numeric/fixed-affine";
import type { Model } from "../../onnx/model";
import type { FixedException, FixedNormalization } from "../../protocol/report";
import type { Range } from "../../evaluation/ranges";
import { gridsOf } from "./calibrate";
import type { IntegerPlan } from "./plan";

/** Bits of a whole number with its sign. */
const bitsOf = (value: number): number => 1 + Math.ceil(Math.log2((value < 0 ? -value - 1 : value) + 1));

const clamped = (value: number): number => Math.max(0, Math.min(LEVELS, value));

/**
 * The batch normalizations that a plan computes in fixed point, as the file has them, held against exact arithmetic of their float32 slope and offset for every input of 8 bits
 * (Lin et al.: arXiv 2008.13128).
 */
export async function fixedNormalizations(model: Model, plan: IntegerPlan, ranges: ReadonlyMap<string, Range>): Promise<FixedNormalization[]> {
  const { graph, kinds, grids } = plan, known = gridsOf(plan, ranges), found: FixedNormalization[] = [], gridOf = (name: string): Grid | undefined => known.get(grids.get(name) ?? "");
  for (const node of graph.nodes) {
    if (kinds.get(node) !== "fixed") continue;
    const [y] = node.outputs, output = grids.has(y) ? y : graph.consumers.get(y)![0].outputs[0], map = await affineOf(model, node), from = gridOf(node.inputs[0]), to = gridOf(output);
    if (!map || !from || !to) continue;
    const channels = fixedNormalization(map, from, to), over = (part: (one: FixedAffine) => number) => channels.map(part);
    found.push({
      node: node.name || y, channels: channels.length, inputs: LEVELS + 1, bits: { a: Math.max(...over(({ a }) => bitsOf(a))), b: Math.max(...over(({ b }) => bitsOf(b))) },
      shift: { least: Math.min(...over(({ shift }) => shift)), most: Math.max(...over(({ shift }) => shift)) },
      exceptions: channels.flatMap((one, channel) => exceptionsOf(one, channel, exactAffine(map.a[channel] * from.scale / to.scale, (map.b[channel] - map.a[channel] * from.scale * from.zero) / to.scale + to.zero))),
    });
  }
  return found;
}

function exceptionsOf({ a, b, shift }: FixedAffine, channel: number, exact: (q: number) => number): FixedException[] {
  const found: FixedException[] = [];
  for (let input = 0; input <= LEVELS; input++) {
    const off = clamped((a * input + b) >> shift) - clamped(exact(input));
    if (off !== 0) found.push({ channel, input, off });
  }
  return found;
}
