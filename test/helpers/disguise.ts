import { python } from "./python";

const onnx = python("onnx");

const SCRIPT = `
import onnx, sys, random, json, heapq
seed, shuffle = int("SEED"), "SHUFFLE" == "1"
model = onnx.ModelProto.FromString(sys.stdin.buffer.read())
random.seed(seed)
names = {}
pool = list(range(100000)); random.shuffle(pool)
def name(n):
    if n == "": return n
    if n not in names: names[n] = "n%d" % pool[len(names)]
    return names[n]
g = model.graph
nodes = list(g.node)
if shuffle:
    makers = {o: i for i, n in enumerate(nodes) for o in n.output if o}
    waits = [len({makers[x] for x in n.input if x in makers}) for n in nodes]
    readers = [[] for _ in nodes]
    for i, n in enumerate(nodes):
        for m in {makers[x] for x in n.input if x in makers}: readers[m].append(i)
    ready = [(random.random(), i) for i, w in enumerate(waits) if w == 0]; heapq.heapify(ready)
    order = []
    while ready:
        _, i = heapq.heappop(ready); order.append(i)
        for r in readers[i]:
            waits[r] -= 1
            if waits[r] == 0: heapq.heappush(ready, (random.random(), r))
    nodes = [nodes[i] for i in order]
    inits = list(g.initializer); random.shuffle(inits)
    del g.initializer[:]; g.initializer.extend(inits)
for n in nodes:
    n.doc_string = "was " + "|".join(n.output)
    n.name = name("node " + n.name + "|".join(n.output)) if n.name else ""
    for i, x in enumerate(n.input): n.input[i] = name(x)
    for i, x in enumerate(n.output): n.output[i] = name(x)
del g.node[:]; g.node.extend(nodes)
for part in (g.initializer, g.input, g.output): 
    for v in part: v.name = name(v.name)
del g.value_info[:]
del model.metadata_props[:]
out = model.SerializeToString()
sys.stdout.buffer.write(len(json.dumps(names)).to_bytes(4, "little") + json.dumps(names).encode() + out)
`;

/** The same network as another program might write it: all names are others, nodes stand in another order that is as good. Undefined without Python's onnx. @returns with its bytes the new name of each value */
export function disguised(model: Uint8Array, seed: number, shuffle = true): { bytes: Uint8Array; names: Map<string, string> } | undefined {
  const written = onnx?.(SCRIPT.replace("SEED", String(seed)).replace("SHUFFLE", shuffle ? "1" : "0"), Buffer.from(model));
  if (!written) return undefined;
  const length = written.readUInt32LE(0), names = JSON.parse(written.subarray(4, 4 + length).toString()) as Record<string, string>;
  return { bytes: new Uint8Array(written.subarray(4 + length)), names: new Map(Object.entries(names)) };
}
