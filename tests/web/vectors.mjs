// node vectors.mjs HEMP.js FILE ... : one line of JSON for each file, see report.mjs.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { reportOf } from "./report.mjs";

const [script, ...paths] = process.argv.slice(2);
const hemp = await import(pathToFileURL(script));
for (const path of paths) console.log(JSON.stringify(await reportOf(hemp, readFileSync(path), webcrypto)));
