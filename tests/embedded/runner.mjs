// node runner.mjs RUNNER.wasm < FILES
import { readFileSync, writeSync } from "node:fs";

const input = readFileSync(0);
let position = 0;
let memory;
const port = {
  read(out, size) {
    const chunk = input.subarray(position, position + size);
    new Uint8Array(memory.buffer).set(chunk, out);
    position += chunk.length;
    return chunk.length;
  },
  write(text, size) {
    const bytes = new Uint8Array(memory.buffer, text, size);
    for (let done = 0; done < size; ) done += writeSync(1, bytes, done, size - done);
  },
};
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), { port });
memory = instance.exports.memory;
process.exitCode = instance.exports.run();
