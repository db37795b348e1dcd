import { gridOfValues, toGrid } from "../../evaluation/integer/grids";
import type { Range } from "../../evaluation/ranges";
import type { NodeSpec } from "../../onnx/encode";
import type { Network } from "../../training/network";
import { SIMULATED } from "../../training/operators/quantization";
import { gridInputs, SimulatedGrids, type SimulatedGrid } from "../../training/simulated";
import { rangesOfGrids, sourcesOf } from "./calibrate";
import type { IntegerPlan } from "./plan";

/** What a training has to know of the network of integers that comes out of it. */
export interface Simulation {
  plan: IntegerPlan;
  /** Of the values that {@link sourcesOf} names, as calibration chose them. */
  ranges: ReadonlyMap<string, Range>;
  /** Share of a training's steps that come before activations are rounded in it. With 1 they are only looked at, and the network judged with them rounded. */
  delay: number;
}

/**
 * A network as it will be once its activations are integers (Jacob et al.: arXiv 1712.05877, §3): what the plan makes integers is put on the plan's grids. What only moves elements stays on the grid that they are on.
 * Values that floats are made into integers of are so for the nodes that run on integers alone; the others get them as they are, as in the file.
 */
export function simulate(network: Network, { plan, ranges, delay }: Simulation): { network: Network; judged: Network; grids: SimulatedGrids } {
  const { graph, kinds, entries } = plan, simulated: Network = { ...network, nodes: [], constants: new Map(network.constants), dims: new Map(network.dims) };
  const there = new Set([network.input, ...network.nodes.flatMap(({ outputs }) => outputs)]), sources = new Set(sourcesOf(plan).filter((name) => there.has(name))), grids = gridsOf(plan, ranges, sources);
  const kindOf = ({ outputs: [output] }: NodeSpec) => { const node = graph.producers.get(output); return node && kinds.get(node); };
  const named = (name: string, part: string): string => {
    const other = `${name} ${part}`, dims = network.dims.get(name);
    if (dims) simulated.dims.set(other, dims);
    return other;
  };
  const put = (from: string, to: string, source: string): NodeSpec => ({ op: SIMULATED, inputs: [from, ...gridInputs(plan.grids.get(source)!)], outputs: [to], attributes: { one_sided: isOneSided(plan, source) ? 1 : 0 } });
  const operand = (name: string, node: NodeSpec): string => {
    const kind = kindOf(node), constant = simulated.constants.get(name);
    if (entries.has(name) && sources.has(name) && kind !== "float") return wholeOf(name);
    if (kind !== "native" || (node.op !== "Add" && node.op !== "Mul") || !(constant?.data instanceof Float32Array)) return name;
    const grid = gridOfValues(constant.data), whole = wholeOf(name);
    simulated.constants.set(whole, { ...constant, data: constant.data.map((v) => grid.scale * (toGrid(v, grid) - grid.zero)) });
    simulated.dims.set(whole, constant.dims);
    return whole;
  };
  const enter = (name: string): void => { if (entries.has(name) && sources.has(name)) simulated.nodes.push(put(name, named(name, WHOLE), name)); };
  enter(network.input);
  for (const node of network.nodes) {
    const outputs = node.outputs.map((name) => (sources.has(name) && !entries.has(name) ? named(name, "exact") : name));
    simulated.nodes.push({ ...node, inputs: node.inputs.map((name) => operand(name, node)), outputs });
    node.outputs.forEach((name, i) => {
      if (outputs[i] !== name) simulated.nodes.push(put(outputs[i], name, name));
      else enter(name);
    });
  }
  return { network: delay < 1 ? simulated : observed(simulated), judged: simulated, grids: new SimulatedGrids(grids, delay) };
}

/** The same network, whose values are looked at and left as they are. */
const observed = (network: Network): Network => ({ ...network, nodes: network.nodes.map((node) => (node.op === SIMULATED ? { ...node, attributes: { ...node.attributes, observed: 1 } } : node)) });

const WHOLE = "whole";
const wholeOf = (name: string): string => `${name} ${WHOLE}`;

function gridsOf(plan: IntegerPlan, ranges: ReadonlyMap<string, Range>, sources: ReadonlySet<string>): SimulatedGrid[] {
  const { grids, entries, most } = plan, found: SimulatedGrid[] = [];
  for (const [name, range] of rangesOfGrids(plan, ranges)) {
    const values = [...sources].filter((source) => grids.get(source) === name).map((source) => ({ name: entries.has(source) ? wholeOf(source) : source, isOneSided: isOneSided(plan, source) }));
    if (values.length) found.push({ name, values, range, most: most.get(name) ?? Infinity });
  }
  return found;
}

/** Whether a value comes out of a rectifier, or a clip from zero on. */
function isOneSided({ graph, kinds }: IntegerPlan, name: string): boolean {
  const node = graph.producers.get(name);
  return node !== undefined && kinds.get(node) === "clamp";
}
