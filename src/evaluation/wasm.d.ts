/** A WebAssembly file, embedded by the bundler as its bytes. */
declare module "*.wasm" {
  const bytes: Uint8Array;
  export default bytes;
}
