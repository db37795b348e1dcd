import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const COMMAND = "/usr/bin/python3";

/** Runs a script with bytes as its standard input. @returns its standard output */
export type Python = (script: string, input?: Buffer) => Buffer;

/** Debian's Python with the named modules, as an independent opinion; undefined where it is missing, which CI does not forgive. */
export function python(...modules: string[]): Python | undefined {
  const server = serverOf();
  if (server?.ask(`import ${modules.join(", ")}`, "import").ok) return (script, input) => {
    const { ok, output } = server.ask(script, "run", input);
    if (!ok) throw new Error(output.toString());
    return output;
  };
  if (process.env.CI) throw new Error(`CI needs Debian's Python with ${modules.join(", ")}`);
  return undefined;
}

/** Imports modules once, as that takes seconds, and runs every script in a fork of itself. It ends with the process that it serves. */
const SERVER = `
import ctypes, os, shutil, signal, sys, traceback
folder, main = sys.argv[1], os.getpid()
def end(*_):
    if os.getpid() == main: shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
signal.signal(signal.SIGTERM, end)
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
def file(content=b""):
    fd = os.memfd_create("io")
    with open(fd, "wb", closefd=False) as made: made.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
def content(fd):
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb") as kept:
        return kept.read()
def run(script, given):
    files = [file(given), file(), file()]
    child = os.fork()
    if not child:
        status = 1
        for at, fd in enumerate(files): os.dup2(fd, at)
        try:
            exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)
    ok = os.waitpid(child, 0)[1] == 0
    os.close(files[0])
    out, err = content(files[1]), content(files[2])
    return ok, out if ok else err
while True:
    with open(folder + "/ask", "rb") as ask: request = ask.read()
    head, _, rest = request.partition(b"\\n")
    kind, length = head.split()
    script, given = rest[:int(length)], rest[int(length):]
    if kind == b"import":
        try:
            exec(script)
            answer = True, b""
        except ImportError as error:
            answer = False, str(error).encode()
    else: answer = run(script, given)
    with open(folder + "/answer", "wb") as out:
        out.write(b"1" if answer[0] else b"0")
        out.write(answer[1])
`;

class Server {
  constructor(private readonly folder: string) {}

  /** Asks, and waits for the answer. */
  ask(script: string, kind: "import" | "run", input: Buffer = Buffer.alloc(0)): { ok: boolean; output: Buffer } {
    const bytes = Buffer.from(script);
    writeFileSync(path.join(this.folder, "ask"), Buffer.concat([Buffer.from(`${kind} ${bytes.length}\n`), bytes, input]));
    const answer = readFileSync(path.join(this.folder, "answer"));
    return { ok: answer[0] === 0x31, output: answer.subarray(1) };
  }
}

let known: Server | undefined;

/** The one of this process. */
function serverOf(): Server | undefined {
  if (known || process.platform !== "linux" || spawnSync(COMMAND, ["-c", ""]).status !== 0) return known;
  const folder = mkdtempSync(path.join(os.tmpdir(), "kernelscope-python-"));
  if (spawnSync("mkfifo", ["ask", "answer"], { cwd: folder }).status !== 0) return undefined;
  const child = spawn(COMMAND, ["-c", SERVER, folder], { stdio: "ignore" });
  child.unref();
  process.once("exit", () => { child.kill(); });
  return known = new Server(folder);
}
