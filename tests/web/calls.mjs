// node calls.mjs HEMP.js FOLDER: opens FOLDER/model.hemp in all ways; what must come out is beside it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [script, folder] = process.argv.slice(2);
const { open, HempError } = await import(pathToFileURL(script));
const bytes = new Uint8Array(readFileSync(join(folder, "model.hemp")));
const expected = (name) => readFileSync(join(folder, name));
const bytesOf = (array) => Buffer.from(array.buffer);
const fails = (code, tensor) => (error) =>
  error instanceof HempError && error.name === "HempError" && error.code === code && error.tensor === tensor;

// Sources: whatever holds the bytes, at whatever place.
const padded = new Uint8Array(bytes.length + 3);
padded.set(bytes, 3);
const reads = [];
const own = {
  read: async (offset, size) => {
    reads.push([offset, size]);
    return bytes.slice(offset, offset + size);
  },
};
for (const input of [bytes, bytes.buffer, padded.subarray(3), new DataView(bytes.buffer), new Blob([bytes]), own]) {
  const file = await open(input);
  assert.equal(file.size, bytes.length);
  assert.deepEqual(bytesOf((await file.tensor("wide")).data), expected("wide"));
}
assert(reads.reduce((sum, [, size]) => sum + size, 0) < bytes.length, "only what is needed is read");

// Forms.
const file = await open(bytes);
const last = [...file.tensors.keys()].at(-1);
assert.deepEqual(file.tensors.get("wide").shape, [50, 4000]);
assert.equal(file.tensors.get("wide").numLevels, 16);
const wide = await file.tensor("wide", "float32");
assert(wide.data instanceof Float32Array && wide.dtype === "float32");
const indices = await file.tensor("wide", "indices");
assert(indices.data instanceof Uint8Array && indices.dtype === "uint8");
assert.deepEqual(bytesOf(indices.data), expected("indices"));
assert.deepEqual(wide.data, Float32Array.from(indices.data, (index) => file.levels("wide")[index]));
const half = await file.tensor("wide", "float16");
assert(half.data instanceof Uint16Array && half.dtype === "float16");
assert.deepEqual(bytesOf(half.data), expected("half"));
assert.deepEqual((await file.tensor("halves", "float32")).data, new Float32Array([0, 1, 2, 3, 4]));

// Calls at the same time, and results that stay.
const names = ["wide", "wanted", "halves", "wide"];
const both = await Promise.all(names.map((name) => file.tensor(name)));
assert.deepEqual(both[0], both[3]);
assert.deepEqual(both[0].data, wide.data);
both[0].shape[0] = 7;
assert.deepEqual(file.tensors.get("wide").shape, [50, 4000]);

// Several at once.
const several = await file.decode(["halves", "wide", last], "float32");
assert.deepEqual([...several.keys()], ["halves", "wide", last]);
assert.deepEqual(several.get("wide").data, wide.data);
assert.deepEqual(several.get(last), await file.tensor(last));
const begun = reads.length;
const all = await (await open(own)).decode();
assert.deepEqual([...all.keys()], [...file.tensors.keys()]);
assert.deepEqual(all.get(last), await file.tensor(last));
assert(reads.length - begun < all.size, "what shares a stream is read once");
await assert.rejects(file.decode(["wide", "halves"], "indices"), fails("BAD_ARGUMENT", "halves"));

// Wrong calls and damaged files.
await assert.rejects(file.tensor("none"), fails("BAD_ARGUMENT", "none"));
await assert.rejects(file.tensor("wide", "float64"), fails("BAD_ARGUMENT", "wide"));
await assert.rejects(file.tensor("halves", "indices"), fails("BAD_ARGUMENT", "halves"));
assert.throws(() => file.levels("halves"), fails("BAD_ARGUMENT", "halves"));
await assert.rejects(open(7), fails("BAD_ARGUMENT"));
await assert.rejects(open(new Uint8Array(100)), fails("BAD_SIGNATURE"));
await assert.rejects(open(bytes, { limits: { front: 20 } }), fails("LIMIT_EXCEEDED"));
const small = await open(bytes, { limits: { output: 1000 } });
await assert.rejects(small.tensor("wide"), fails("LIMIT_EXCEEDED", "wide"));
assert.equal((await small.tensor("halves")).data.length, 5);
const damaged = bytes.slice();
damaged[damaged.length - 1] ^= 1;
await assert.rejects((await open(damaged)).tensor(last), (error) => /the file is damaged/.test(error.message));
const shrinking = { size: bytes.length, read: async (offset, size) => bytes.slice(offset, Math.min(offset + size, 30000)) };
await assert.rejects((await open(shrinking)).tensor("wide"), fails("TRUNCATED"));
console.log(JSON.stringify("all calls are right"));
