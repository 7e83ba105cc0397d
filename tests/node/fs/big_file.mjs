// A file of eight megabytes keeps its bytes and its size through every door.
import fs from 'node:fs';
const block = Buffer.alloc(1 << 20);
for (let i = 0; i < block.length; i++) block[i] = (i * 7 + (i >> 8)) & 255;
const fd = fs.openSync('big', 'w');
for (let i = 0; i < 8; i++) fs.writeSync(fd, block);
fs.closeSync(fd);
const b = fs.readFileSync('big');
console.log(b.length, b.subarray(7 << 20).equals(block));
let n = 0,
  sum = 0;
for await (const c of fs.createReadStream('big')) {
  n += c.length;
  sum = (sum + c[0]) % 65536;
}
console.log(n, sum);
fs.truncateSync('big', 10);
console.log(fs.readFileSync('big'));
const s = fs.openSync('sparse', 'w+');
fs.writeSync(s, 'end', 3 * 2 ** 32);
console.log(fs.fstatSync(s).size);
const t = Buffer.alloc(5);
console.log(fs.readSync(s, t, 0, 5, 3 * 2 ** 32 - 1), t);
fs.closeSync(s);
