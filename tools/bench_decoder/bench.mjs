// node bench.mjs BENCH.wasm FILE.hemp: bytes of all tensors, and the least seconds that decoding them took.
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { memory, bench_content, bench_open, bench_decode } = instance.exports;
const file = readFileSync(process.argv[3]);
new Uint8Array(memory.buffer).set(file, bench_content());
if (bench_open(file.length) !== 0) process.exit(2);
const bytes = bench_decode();
let best = Infinity;
for (let spent = 0; spent < 1000 && bytes > 0; ) {
  const begin = performance.now();
  bench_decode();
  const time = performance.now() - begin;
  best = Math.min(best, time);
  spent += time;
}
console.log(bytes, best / 1000);
