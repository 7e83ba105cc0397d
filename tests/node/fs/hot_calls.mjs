// Questions about paths that optimised code asks directly are answered as when they are asked once.
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';

const ROUNDS = 20_000;
mkdirSync('grün');
writeFileSync('file', '');
writeFileSync('\u{1f600}', '');

const exists = (path) => existsSync(path);
for (const path of ['file', 'grün', '\u{1f600}', 'missing', 'file/below', '', 'nul\0', `${process.cwd()}/file`, Buffer.from('file')]) {
  const first = exists(path);
  let others = 0;
  for (let round = 0; round < ROUNDS / 10; round++) if (exists(path) !== first) others++;
  console.log(JSON.stringify(String(path).replace(process.cwd(), '')), first, others);
}

// What changes in between is seen.
let seen = 0;
for (let round = 0; round < 200; round++) {
  mkdirSync('now');
  if (exists('now')) seen++;
  rmdirSync('now');
  if (exists('now')) seen += 1000;
}
console.log(seen);
