// node fetch.mjs HEMP.js ADDRESS NAME ... : decodes tensors of a file on a server, prints the first as JSON.
import { pathToFileURL } from "node:url";

const [script, address, ...names] = process.argv.slice(2);
const { open, HempError } = await import(pathToFileURL(script));
try {
  const file = await open(address);
  const [first] = await Promise.all(names.map((name) => file.tensor(name)));
  const { codedBytes } = file.tensors.get(names[0]);
  console.log(JSON.stringify({ data: [...first.data], shape: first.shape, size: file.size, codedBytes }));
} catch (error) {
  if (!(error instanceof HempError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
