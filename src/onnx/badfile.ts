import { KernelscopeError } from "../protocol/errors";
import type { ByteSource } from "./bytes";
import { FIXED32, FIXED64, LEN, VARINT, WireError } from "./wire";

/** What a file that is no model is instead, by its first bytes. */
const KINDS: [RegExp, string][] = [
  [/^version https:\/\/git-lfs/, "This file is only a Git LFS pointer, not the model itself. Fetch the model with “git lfs pull”."],
  [/^\s*<(!doctype html|html|head|body)/i, "This file is a web page, not a model. The download probably needs another address or a login."],
  [/^\s*<\?xml|^\s*<[a-z]/i, "This file is XML, not an ONNX model. Choose a model exported to ONNX."],
  [/^PK(\x03\x04|\x05\x06)/, "This file is a zip archive (PyTorch's .pt files are, too), not an ONNX model. Unpack it, or export the model to ONNX."],
  [/^\x1f\x8b/, "This file is compressed with gzip. Unpack it and open the .onnx file that is inside."],
  [/^\x89HDF/, "This file is a Keras or HDF5 model, not an ONNX model. Convert it with tf2onnx."],
  [/^....TFL3/s, "This file is a TensorFlow Lite model, not an ONNX model. Convert it with tf2onnx."],
  [/^....ORTM/s, "This file is in onnxruntime's own ORT format, not an ONNX model. Open the .onnx file that it was made from."],
  [/^\x80[\x02-\x05]/, "This file is a Python pickle, not an ONNX model. Export the model to ONNX."],
  [/^\s*[[{]["\s\d{[\]}][\s\x20-\x7e]*$/, "This file is JSON, not an ONNX model. Choose a model exported to ONNX."],
  [/^[\t\n\r\x20-\x7e]+$/, "This file is text, not an ONNX model. Choose a model exported to ONNX."],
];

const GRAPH = 7, LONGEST_HEADER = 20;

/** How long a file that is cut off was at the least, by what it says of its graph's length. */
async function expectedSize(source: ByteSource): Promise<number | undefined> {
  for (let at = 0; at < source.size;) {
    const bytes = await source.read(at, Math.min(LONGEST_HEADER, source.size - at));
    let place = 0;
    const varint = (): number => { let value = 0, scale = 1; while (place < bytes.length) { const byte = bytes[place++]; value += (byte & 127) * scale; if (byte < 128) return value; scale *= 128; } return NaN; };
    const tag = varint(), wire = tag % 8, length = wire === LEN || wire === VARINT ? varint() : wire === FIXED64 ? 8 : wire === FIXED32 ? 4 : NaN;
    if (!Number.isSafeInteger(length)) return undefined;
    at += place + (wire === VARINT ? 0 : length);
    if (at > source.size) return Math.floor(tag / 8) === GRAPH ? at : undefined;
  }
  return undefined;
}

/** Makes the error of a file that could not be read one that a user understands. */
export async function explainBadFile(source: ByteSource, error: unknown): Promise<unknown> {
  if (!(error instanceof WireError) && !(error instanceof KernelscopeError && error.code === "bad-model")) return error;
  if (source.size === 0) return new KernelscopeError("bad-model", "This file is empty. Copy or export the model again.");
  const head = new TextDecoder("latin1").decode(await source.read(0, Math.min(512, source.size)));
  const kind = KINDS.find(([pattern]) => pattern.test(head));
  if (kind) return new KernelscopeError("bad-model", kind[1]);
  if (error instanceof KernelscopeError) return error;
  const at = error.at.toLocaleString("en-US"), inside = error.inside ? `, inside ${error.inside}` : "";
  const isCut = error.kind === "truncated", code = isCut ? "truncated" : "bad-model", expected = isCut ? await expectedSize(source) : undefined;
  if (isCut && (inside || expected !== undefined)) {
    const of = expected === undefined ? "" : ` of at least ${expected.toLocaleString("en-US")}`;
    return new KernelscopeError(code, `This file ends too early. It stops at byte ${at}${of}${inside}. The copy or download was probably cut off: copy, download or make it again. It was not changed.`, { at: error.at, ...(expected !== undefined && { expected }) });
  }
  const message = !inside ? `This file is no ONNX model, or it is ${isCut ? "cut off" : "damaged"} (at byte ${at}). Choose a model exported to ONNX, or copy it again.`
    : `This file is damaged at byte ${at}${inside}. Copy or export it again.`;
  return new KernelscopeError(code, message, { at: error.at });
}
