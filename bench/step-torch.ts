/**
 * PyTorch's side of the step benchmark: python3 -c SCRIPT FOLDER THREADS LAYOUT [--gradients].
 * It reads the network from `network.json` and `tensors.bin`, and does a step for every line that comes in.
 */
export const TORCH_STEP = `
import json, os, resource, sys, time
import numpy as np, torch
import torch.nn.functional as F

folder, threads, layout = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
network = json.load(open(os.path.join(folder, "network.json")))
raw = open(os.path.join(folder, "tensors.bin"), "rb").read()
# gradients to compare with are doubles
exact = len(sys.argv) > 4 and layout == "contiguous"
types = {1: np.float32, 6: np.int32, 7: np.int64}
last = torch.channels_last if layout == "channels_last" else torch.contiguous_format

def read(tensor):
    values = torch.from_numpy(np.frombuffer(raw, types[tensor["type"]], int(np.prod(tensor["dims"])), tensor["offset"]).reshape(tensor["dims"]).copy())
    if exact and tensor["type"] == 1: values = values.double()
    return values.contiguous(memory_format=last) if values.dim() == 4 else values

tensors = {tensor["name"]: read(tensor) for tensor in network["tensors"]}
del raw
parameters = [tensors[name].requires_grad_() for name in network["parameters"]]
x, teacher = tensors["samples"], F.log_softmax(tensors["teacher"], 1)
optimizer = torch.optim.SGD(parameters, lr=network["rate"], momentum=0.9)

def sides(pads):
    half = len(pads) // 2
    return [pads[i] for axis in reversed(range(half)) for i in (axis, axis + half)]

def conv(a, x, w, b=None):
    pads = a.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:]: x, pads = F.pad(x, sides(pads)), [0, 0]
    return F.conv2d(x, w, b, a.get("strides", 1), pads[:2], a.get("dilations", 1), a.get("group", 1))

def max_pool(a, x):
    pads = a.get("pads", [0, 0, 0, 0])
    if pads[:2] != pads[2:]: x, pads = F.pad(x, sides(pads), value=float("-inf")), [0, 0]
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), pads[:2], ceil_mode=bool(a.get("ceil_mode", 0)))

def gemm(a, x, w, c=None):
    y = F.linear(x.t() if a.get("transA") else x, w if a.get("transB") else w.t())
    return y if c is None else y + c

def cut(a, x, starts, ends, axes=None, steps=None):
    axes = list(range(len(starts))) if axes is None else axes.tolist()
    index = [slice(None)] * x.dim()
    for i, axis in enumerate(axes): index[axis] = slice(int(starts[i]), min(int(ends[i]), 2 ** 31), 1 if steps is None else int(steps[i]))
    return x[tuple(index)]

def pad(a, x, pads, value=None, axes=None):
    return F.pad(x, sides(pads.tolist()), value=0.0 if value is None else float(value))

operators = {
    "Conv": conv, "MaxPool": max_pool, "Gemm": gemm, "Slice": cut, "Pad": pad,
    "BatchNormalization": lambda a, x, s, b, m, v: F.batch_norm(x, m, v, s, b, network["batchStatistics"], 0.1, a.get("epsilon", {"float": 1e-5})["float"]),
    "Relu": lambda a, x: F.relu(x), "Add": lambda a, x, y: x + y, "Mul": lambda a, x, y: x * y, "MatMul": lambda a, x, y: x @ y,
    "GlobalAveragePool": lambda a, x: F.adaptive_avg_pool2d(x, 1), "Flatten": lambda a, x: x.flatten(a.get("axis", 1)), "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Reshape": lambda a, x, shape: x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape.tolist())]),
    "ReduceMean": lambda a, x, axes=None: x.mean(axes.tolist() if axes is not None else None, keepdim=bool(a.get("keepdims", 1))),
}

def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key): return int(line.split()[1]) * 1024

def step():
    values = dict(tensors)
    values[network["input"]] = x
    for node in network["nodes"]:
        values[node["outputs"][0]] = operators[node["op"]](node["attributes"], *[values[name] if name else None for name in node["inputs"]])
    loss = F.kl_div(F.log_softmax(values[network["output"]], 1), teacher, reduction="batchmean", log_target=True)
    del values
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()

def tell(**answer): print(json.dumps(answer), flush=True)

resident = status("VmRSS")
tell(resident=resident)
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    loss = step()
    tell(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, loss=loss, peak=status("VmHWM") - resident)
    if len(sys.argv) > 4:
        with open(os.path.join(folder, "gradients." + layout), "wb") as file:
            for parameter in parameters: file.write(parameter.grad.float().contiguous().numpy().tobytes())
`;
