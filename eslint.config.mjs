import path from "node:path";
import tseslint from "typescript-eslint";

// The tower of docs/ARCHITECTURE.md: a file imports from its own floor or a lower one.
const FLOORS = [
  [0, "src/protocol"], [0, "src/numeric"],
  [1, "src/onnx"],
  [2, "src/runtime"],
  [3, "src/methods"], [3, "src/training"], [3, "src/evaluation"],
  [4, "src/compression"],
  [5, "src/worker"],
  [6, "src"],
];
const floorOf = (file) => FLOORS.find(([, folder]) => file.startsWith(folder + "/"))?.[0];

/** Reports imports that climb the tower, that leave a page for anything but `src/protocol`, or that bring `vscode` below the top floor. */
const tower = {
  create(context) {
    const file = path.relative(import.meta.dirname, context.filename).split(path.sep).join("/");
    const check = (node) => {
      const wanted = node.source?.value;
      if (typeof wanted !== "string") return;
      if (wanted === "vscode" && floorOf(file) !== 6 && !file.startsWith("test/electron/")) context.report({ node, message: "`vscode` is imported on the top floor only." });
      if (wanted.startsWith("node:") && (floorOf(file) ?? 6) < 5 && file !== "src/runtime/node.ts") context.report({ node, message: "Node's modules appear in src/runtime/node.ts and on floors 5 and 6." });
      if (!wanted.startsWith(".")) return;
      const target = path.posix.join(path.posix.dirname(file), wanted);
      if (file.startsWith("webview/") && target.startsWith("src/") && !target.startsWith("src/protocol/")) context.report({ node, message: "A page imports nothing of src/ but src/protocol." });
      const from = floorOf(file), to = floorOf(target);
      if (from !== undefined && to !== undefined && to > from) context.report({ node, message: `${file} (floor ${from}) may not import ${target} (floor ${to}).` });
      if (from !== undefined && target.startsWith("webview/")) context.report({ node, message: "src/ never imports the page." });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check };
  },
};

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", ".cache/", "test-results/", "src/numeric/wasm/", "**/*.mjs"] },
  ...tseslint.configs.recommended,
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    plugins: { kernelscope: { rules: { tower } } },
    rules: {
      "kernelscope/tower": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    },
  },
);
