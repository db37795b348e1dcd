// Compiles the AssemblyScript hot loops and embeds them, so that every host loads them without a file.
import { mkdirSync, readFileSync, statSync, writeFileSync, existsSync } from "node:fs";
import asc from "assemblyscript/asc";

const source = "src/numeric/wasm/kernels.as.ts";
const target = "src/numeric/wasm/kernels.wasm.ts";
if (!existsSync(target) || statSync(target).mtimeMs < Math.max(statSync(source).mtimeMs, statSync("scripts/build-wasm.mjs").mtimeMs)) {
  mkdirSync(".cache", { recursive: true });
  const { error, stderr } = await asc.main([
    source, "--outFile", ".cache/kernels.wasm", "-O3", "--converge", "--runtime", "stub", "--noAssert",
    "--enable", "simd", "--importMemory", "--initialMemory", "1", "--maximumMemory", "65536",
  ]);
  if (error) { console.error(stderr.toString()); process.exit(1); }
  const wasm = readFileSync(".cache/kernels.wasm");
  writeFileSync(target, `// Made from kernels.as.ts by scripts/build-wasm.mjs.\nexport const kernelsWasm = "${wasm.toString("base64")}";\n`);
  console.log(`wasm: ${wasm.length} bytes`);
}
