// What a file holds, or the code of its first error, for Node and browsers alike.

async function tensorOf(file, { name, quantizer, numLevels }, sha256) {
  const { data, shape, dtype } = await file.tensor(name);
  if (quantizer === "lossless") return { dtype, shape, sha256: await sha256(data) };
  const indices = (await file.tensor(name, "indices")).data;
  const levels = file.levels(name);
  const looked = data.every((value, i) => Object.is(value, levels[indices[i]]));
  const paired = data.length !== indices.length; // complex numbers
  if (!looked && !paired) throw new Error(`${name}: the levels of its indices are not its elements`);
  const digests = { sha256: await sha256(data), indices_sha256: await sha256(indices) };
  return { dtype, shape, num_levels: numLevels, ...digests };
}

export async function reportOf({ open, HempError }, bytes, crypto) {
  const report = { tensors: {}, errors: [], metadata: {} };
  const sha256 = async (data) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const note = (error) => {
    if (!(error instanceof HempError)) throw error;
    report.errors.push([error.code, error.field ?? null, error.message]);
  };
  try {
    const file = await open(bytes);
    report.metadata = Object.fromEntries(file.metadata);
    for (const info of file.tensors.values()) {
      await tensorOf(file, info, sha256).then((found) => (report.tensors[info.name] = found), note);
    }
    const known = [...file.tensors.keys()].filter((name) => name in report.tensors);
    for (const [name, { data }] of await file.decode(report.errors.length > 0 ? known : undefined)) {
      if ((await sha256(data)) !== report.tensors[name].sha256) throw new Error(`${name} is another with others`);
    }
  } catch (error) {
    note(error);
  }
  return report;
}
