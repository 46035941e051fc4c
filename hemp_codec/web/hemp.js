import { load } from "./decoder.js";

export { HempError } from "./errors.js";

const address = new URL("./hemp.wasm", import.meta.url);
let compiled;

async function compile() {
  if (address.protocol !== "file:") return WebAssembly.compile(await (await fetch(address)).arrayBuffer());
  const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "node:fs/promises");
  return WebAssembly.compile(await readFile(address));
}

/** Open a .hemp file; hemp.d.ts says what it may be and what comes back. */
export async function open(input, options) {
  compiled ??= compile();
  return load(await compiled, input, options);
}
