// node damage.mjs HEMP.js FILE ... : changes every byte of each file in turn, and says what came of it.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [script, ...paths] = process.argv.slice(2);
const { open, HempError } = await import(pathToFileURL(script));

for (const path of paths) {
  const content = readFileSync(path);
  const report = { accepted: 0, refused: 0, codes: [] };
  for (let at = 0; at < Math.min(content.length, 3000); at++) {
    const bytes = Uint8Array.from(content);
    bytes[at] ^= 1 << at % 8;
    try {
      await (await open(bytes)).decode();
      report.accepted++;
    } catch (error) {
      if (!(error instanceof HempError)) throw error;
      report.refused++;
      if (!report.codes.includes(error.code)) report.codes.push(error.code);
    }
  }
  console.log(JSON.stringify(report));
}
