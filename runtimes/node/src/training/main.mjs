// What most modules touch, so that it is compiled already when they do.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import process from 'node:process';
import { part } from './part.mjs';

const require = createRequire(import.meta.url);
await writeFile('/lesson/written', 'text');
console.log(part, await readFile('/lesson/written', 'utf8'), fileURLToPath(import.meta.url), require('node:path').sep, import.meta.dirname);
const { part: again } = await import('./part.mjs');
await pipeline(Readable.from(['a', 'b']), async function* (source) {
  for await (const chunk of source) yield chunk;
}, async (source) => {
  for await (const chunk of source) console.log(chunk);
});
console.log(again, process.argv.length, new TextDecoder().decode(new TextEncoder().encode('text')), structuredClone({ a: [1] }));
