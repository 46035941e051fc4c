// node vectors.mjs HEMP.js FILE ... : one line of JSON for each file: what it holds, or the code of its first error.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, ...paths] = process.argv.slice(2);
const { open, HempError } = await import(pathToFileURL(script));
const sha256 = (data) => createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex");

async function tensorOf(file, { name, quantizer, numLevels }) {
  const { data, shape, dtype } = await file.tensor(name);
  if (quantizer === "lossless") return { dtype, shape, sha256: sha256(data) };
  const indices = (await file.tensor(name, "indices")).data;
  const levels = file.levels(name);
  const looked = data.every((value, i) => Object.is(value, levels[indices[i]]));
  const paired = data.length !== indices.length; // complex numbers
  if (!looked && !paired) throw new Error(`${name}: the levels of its indices are not its elements`);
  return { dtype, shape, sha256: sha256(data), num_levels: numLevels, indices_sha256: sha256(indices) };
}

async function reportOf(path) {
  const report = { tensors: {}, errors: [], metadata: {} };
  const note = (error) => {
    if (!(error instanceof HempError)) throw error;
    report.errors.push([error.code, error.field ?? null, error.message]);
  };
  try {
    const file = await open(readFileSync(path));
    report.metadata = Object.fromEntries(file.metadata);
    for (const info of file.tensors.values()) {
      await tensorOf(file, info).then((found) => (report.tensors[info.name] = found), note);
    }
    const known = [...file.tensors.keys()].filter((name) => name in report.tensors);
    for (const [name, { data }] of await file.decode(report.errors.length > 0 ? known : undefined)) {
      if (sha256(data) !== report.tensors[name].sha256) throw new Error(`${path}: ${name} is another with others`);
    }
  } catch (error) {
    note(error);
  }
  return report;
}

for (const path of paths) console.log(JSON.stringify(await reportOf(path)));
