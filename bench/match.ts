import { parseArgs } from "node:util";
import { findLayers } from "../src/onnx/layers";
import { matchModels } from "../src/onnx/match/match";
import { memorySource } from "../src/onnx/memory";
import { readModel } from "../src/onnx/reader";
import { disguised } from "../test/helpers/disguise";
import { generatedModel } from "../test/helpers/generated-graph";
import { python } from "../test/helpers/python";

/**
 * Time to match a generated network and itself with all names changed and its nodes in another order, reading both files included, and how many nodes found themselves. Renaming is Python's onnx' work.
 * npm run bench:match -- [--nodes 10000] [--rounds 5]
 */
const { values } = parseArgs({ options: { nodes: { type: "string", default: "10000" }, rounds: { type: "string", default: "5" } } });

const open = async (bytes: Uint8Array) => {
  const model = await readModel(memorySource(bytes));
  return { model, layers: findLayers(model) };
};

async function main(): Promise<void> {
  if (!python("onnx")) { console.log("Skipped: Python's onnx was not found."); return; }
  const bytes = generatedModel(Number(values.nodes), 1), other = disguised(bytes, 1)!;
  const times: number[] = [];
  let right = 0, all = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = performance.now(), [a, b] = [await open(bytes), await open(other.bytes)], { nodes } = await matchModels(a, b);
    times.push(performance.now() - start);
    all = a.model.graph.nodes.length;
    right = [...nodes].filter(([node, partner]) => node.outputs.every((name, i) => !name || other.names.get(name) === partner.outputs[i])).length;
  }
  console.log(`${right.toLocaleString("en")} of ${all.toLocaleString("en")} nodes found themselves, in ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`);
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
