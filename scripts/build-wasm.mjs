// Compiles the AssemblyScript hot loops and embeds them, so that every host loads them without a file.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";

const folder = "src/numeric/wasm", source = `${folder}/kernels.as.ts`, target = `${folder}/kernels.wasm.ts`;
const made = ["scripts/build-wasm.mjs", ...readdirSync(folder).filter((name) => name.endsWith(".as.ts")).map((name) => `${folder}/${name}`)];
if (!existsSync(target) || statSync(target).mtimeMs < Math.max(...made.map((file) => statSync(file).mtimeMs))) {
  mkdirSync(".cache", { recursive: true });
  const { error, stderr } = await asc.main([
    source, "--outFile", ".cache/kernels.wasm", "-O3", "--converge", "--runtime", "stub", "--noAssert",
    "--enable", "simd", "--importMemory", "--initialMemory", "1", "--maximumMemory", "65536",
  ]);
  if (error) { console.error(stderr.toString()); process.exit(1); }
  const wasm = readFileSync(".cache/kernels.wasm");
  writeFileSync(target, `// Made from *.as.ts by scripts/build-wasm.mjs.\nexport const kernelsWasm = "${wasm.toString("base64")}";\n`);
  console.log(`wasm: ${wasm.length} bytes`);
}
