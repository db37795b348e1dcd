/** Large plain data on their way through the extension host, which would look at every string of them: as JSON, compressed. */

async function through(bytes: Uint8Array, stream: ReadableWritablePair<Uint8Array, BufferSource>): Promise<Response> {
  return new Response(new Blob([new Uint8Array(bytes)]).stream().pipeThrough(stream));
}

/** Data without typed arrays; what is undefined is left out. */
export async function pack(value: unknown): Promise<Uint8Array> {
  const response = await through(new TextEncoder().encode(JSON.stringify(value)), new CompressionStream("gzip"));
  return new Uint8Array(await response.arrayBuffer());
}

/** What {@link pack} was given, if both sides are of one version. */
export async function unpack<Value>(bytes: Uint8Array): Promise<Value> {
  return await (await through(bytes, new DecompressionStream("gzip"))).json() as Value;
}
