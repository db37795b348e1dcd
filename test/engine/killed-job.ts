import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { compressModel } from "../../src/compression/compress";
import type { CompressRequest } from "../../src/protocol/api";
import { nodeHost } from "../../src/worker/host";

/**
 * A job that ends itself with SIGKILL at a named moment, as a kill from outside would:
 * "STAGE N" at the N-th progress of a stage, where something is begun, "saving plan" and "saved plan" around that checkpoint, "saving layer N" and "saved layer N" where that many (or more,
 * several are fitted at once) are kept then, "output N" at the N-th piece of the output, "renamed".
 * At "taken away" nothing is killed, but the checkpoints are gone before the output is written.
 */
const [moment, checkpoint, text] = process.argv.slice(2), request = JSON.parse(text) as CompressRequest;
const kill = (now: string): void => { if (now === moment) process.kill(process.pid, "SIGKILL"); };
const killFrom = (now: string, count: number): void => { for (let n = 1; n <= count; n++) kill(`${now} ${n}`); };

async function main(): Promise<void> {
  const host = await nodeHost({ threads: request.threads, checkpoint, scripts: path.resolve("dist") });
  const { checkpoints, write } = host, seen = new Map<string, number>();
  const times = (name: string): number => { seen.set(name, (seen.get(name) ?? 0) + 1); return seen.get(name)!; };
  host.checkpoints = (key) => {
    const store = checkpoints!(key);
    return {
      load: (name) => store.load(name),
      clear: () => store.clear(),
      async save(name, value) {
        const folder = path.join(checkpoint, key), kept = () => (existsSync(folder) ? readdirSync(folder).filter((file) => file.startsWith("layer")).length : 0);
        if (name.startsWith("plan")) kill("saving plan");
        else killFrom("saving layer", kept() + 1);
        await store.save(name, value);
        if (name.startsWith("plan")) kill("saved plan");
        else killFrom("saved layer", kept());
        if (moment === "taken away" && kept() === 5) await store.clear();
      },
    };
  };
  host.write = async (file, content, replace) => {
    const placed = await write(file, (sink, beside) => content({
      async write(bytes) { await sink.write(bytes); kill(`output ${times("output")}`); },
    }, beside), replace);
    kill("renamed");
    return placed;
  };
  await compressModel(request, host, ({ stage, layers }) => { if (!layers?.finished) kill(`${stage} ${times(stage)}`); });
  await host.close();
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
