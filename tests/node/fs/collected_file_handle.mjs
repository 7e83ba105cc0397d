// flags: --expose-gc
// stderr: ignored
// A FileHandle that is collected before it is closed warns.
import { open } from 'node:fs/promises';

const seen = [];
process.on('warning', ({ name, message, code }) => seen.push(`${name} ${code} ${message.replace(/\d+/, 'N')}`));
for (let round = 0; round < 2; round++) await (async () => { (await open('.')).fd; })();
const closed = await open('.');
await closed.close();
for (let turn = 0; seen.length < 3 && turn < 10_000; turn++) {
  globalThis.gc();
  await new Promise(setImmediate);
}
console.log(seen.sort());
