// stat, lstat and bigint stats have their fields and tests.
import fs from 'node:fs';
fs.writeFileSync('f', '12345');
fs.utimesSync('f', 1000, 2000.25);
fs.symlinkSync('f', 'l');
fs.mkdirSync('d');
const s = fs.statSync('f');
console.log(Object.keys(s), s.constructor.name);
console.log(
  s.size,
  s.atimeMs,
  s.mtimeMs,
  s.atime,
  s.mtime.toISOString(),
  s.mode.toString(8),
  s.nlink,
  s.isFile(),
  s.isDirectory(),
  s.isSymbolicLink(),
  s.isFIFO(),
  s.isSocket(),
  s.isBlockDevice(),
  s.isCharacterDevice(),
);
const b = fs.statSync('f', { bigint: true });
console.log(typeof b.ino, b.size, b.mtimeMs, b.mtimeNs, b.mode.toString(8), Object.keys(b).length, b.ino === BigInt(s.ino));
console.log(
  fs.lstatSync('l').isSymbolicLink(),
  fs.lstatSync('l').size,
  fs.statSync('l').isFile(),
  fs.statSync('l').ino === s.ino,
  fs.statSync('d').isDirectory(),
);
console.log(
  fs.statSync('none', { throwIfNoEntry: false }),
  fs.lstatSync('none', { throwIfNoEntry: false }),
  fs.statSync('/dev/null').isCharacterDevice(),
  s.birthtimeMs > 0,
  s.ctimeMs > 2000,
);
fs.lutimesSync('l', 5, 6);
console.log(fs.lstatSync('l').mtimeMs, fs.statSync('l').mtimeMs);
fs.utimesSync('f', new Date(5000), '7');
console.log(fs.statSync('f').atimeMs, fs.statSync('f').mtimeMs);
const sf = fs.statfsSync('.');
console.log(Object.keys(sf), sf.bsize > 0);
fs.linkSync('f', 'h');
console.log(fs.statSync('f').nlink);
fs.unlinkSync('f');
console.log(fs.statSync('h').nlink, fs.readFileSync('h', 'utf8'));
try {
  fs.statSync('l');
} catch (e) {
  console.log(e.code);
}
