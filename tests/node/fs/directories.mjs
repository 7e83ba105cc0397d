// Directories are made, listed, walked and removed, recursively too.
import fs from 'node:fs';
import path from 'node:path';
console.log(path.basename(fs.mkdirSync('a/b/c', { recursive: true })), fs.mkdirSync('a/b', { recursive: true }), fs.mkdirSync('m', 0o711));
fs.writeFileSync('a/f1', '');
fs.writeFileSync('a/b/f2', '');
fs.symlinkSync('f1', 'a/ln');
console.log(
  fs.readdirSync('a'),
  fs.readdirSync('a', { recursive: true }).sort(),
  fs
    .readdirSync('a', { withFileTypes: true })
    .map((d) => [d.name, d.isFile(), d.isDirectory(), d.isSymbolicLink(), d.isFIFO(), d.parentPath]),
  fs.readdirSync('a', 'buffer'),
);
console.log(
  fs
    .readdirSync('a', { recursive: true, withFileTypes: true })
    .map((d) => d.parentPath + ':' + d.name)
    .sort(),
);
const dir = fs.opendirSync('a');
const names = [];
let e;
while ((e = dir.readSync()) !== null) names.push(e.name);
dir.closeSync();
console.log(names.sort(), dir.path);
try {
  dir.readSync();
} catch (er) {
  console.log(er.code, er.message);
}
const seen = [];
for await (const d of await fs.promises.opendir('a', { bufferSize: 1 })) seen.push(d.name);
console.log(seen.sort());
for (let i = 0; i < 100; i++) fs.writeFileSync('a/b/c/n' + i, '');
console.log(fs.readdirSync('a/b/c').length);
fs.rmSync('a', { recursive: true });
console.log(fs.existsSync('a'));
fs.rmdirSync('m');
console.log(fs.readdirSync('.'));
const d1 = fs.mkdtempSync('pre-');
console.log(d1.length, fs.statSync(d1).isDirectory());
console.log(fs.readdirSync(d1));
