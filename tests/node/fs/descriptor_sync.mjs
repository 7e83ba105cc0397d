// Open, positional read and write, vectors, ftruncate, fstat and close work on descriptors.
import fs from 'node:fs';
const fd = fs.openSync('f', 'w+');
console.log(typeof fd, fs.writeSync(fd, 'hello world'), fs.writeSync(fd, Buffer.from('XYZ'), 1, 1, 4), fs.writeSync(fd, 'é', 11, 'latin1'));
const b = Buffer.alloc(20, '.');
console.log(fs.readSync(fd, b, 2, 5, 0), b.toString());
console.log(
  fs.readSync(fd, b, 0, 20, 6),
  fs.readSync(fd, b),
  fs.readSync(fd, b, { position: 0, length: 3 }),
  fs.readSync(fd, b, { position: 1000 }),
  fs.readSync(fd, b, 0, 3, 0n),
);
console.log(
  fs.writevSync(fd, [Buffer.from('aa'), Buffer.from('bbb')], 0),
  fs.readvSync(fd, [b.subarray(0, 3), b.subarray(3, 8)], 0),
  b.toString('latin1', 0, 8),
);
fs.ftruncateSync(fd, 3);
console.log(fs.fstatSync(fd).size, fs.readFileSync('f', 'utf8'));
fs.fchmodSync(fd, 0o640);
fs.futimesSync(fd, 10, 20.5);
const s = fs.fstatSync(fd);
console.log((s.mode & 0o777).toString(8), s.atimeMs, s.mtimeMs, s.mtime);
fs.fsyncSync(fd);
fs.fdatasyncSync(fd);
fs.closeSync(fd);
const t = (f) => {
  try {
    console.log(f());
  } catch (e) {
    console.log(e.code, e.message);
  }
};
t(() => fs.closeSync(fd));
t(() => fs.readSync(99, b));
t(() => fs.writeSync(fd, 'x'));
t(() => fs.fstatSync(-1));
t(() => fs.readSync(0, b, 30, 1));
t(() => fs.readSync(0, b, 0, 30));
t(() => fs.closeSync('x'));
t(() => fs.openSync('f', 'q'));
t(() => fs.openSync('f', 'wx'));
t(() => fs.openSync('none', 'r+'));
const a = fs.openSync('f', 'a+');
fs.writeSync(a, 'END', 0);
console.log(fs.readFileSync('f', 'utf8'));
fs.closeSync(a);
const ro = fs.openSync('f');
t(() => fs.writeSync(ro, 'no'));
fs.closeSync(ro);
const ex = fs.openSync('new', fs.constants.O_CREAT | fs.constants.O_RDWR | fs.constants.O_EXCL, 0o604);
console.log((fs.fstatSync(ex).mode & 0o777).toString(8));
fs.closeSync(ex);
