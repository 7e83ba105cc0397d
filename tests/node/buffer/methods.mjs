// Concat, compare, search, slice, fill and copy.
import { Buffer as B, constants, kMaxLength, transcode, isUtf8, isAscii, Blob, File } from 'node:buffer';
const a = B.from('hello world');
console.log(
  B.concat([a, B.from('!')]).toString(),
  B.concat([a], 5).toString(),
  B.concat([], 2),
  a.indexOf('o'),
  a.indexOf('o', 5),
  a.lastIndexOf('o'),
  a.indexOf('zz'),
  a.indexOf(B.from('wor')),
  a.indexOf(111),
  a.includes('world'),
  a.indexOf(''),
  a.indexOf('l', -3),
  B.from('aéb', 'utf16le').indexOf('é', 0, 'utf16le'),
);
console.log(
  B.compare(B.from('a'), B.from('b')),
  B.from('b').compare(B.from('a')),
  a.equals(B.from('hello world')),
  a.compare(B.from('xxworld'), 2, 7, 6, 11),
  [B.from('c'), B.from('a')].sort(B.compare),
);
const s = a.subarray(0, 5);
s[0] = 72;
console.log(
  a.toString(),
  a.slice(-5).toString(),
  s.buffer === a.buffer,
  B.alloc(5, 'ab').toString(),
  B.alloc(3, 1),
  B.alloc(4).fill('é'),
  B.alloc(6).fill('abc', 1, 5),
  B.alloc(2).fill('').toString('hex'),
);
const d = B.alloc(5, '.');
console.log(
  a.copy(d, 1, 0, 3),
  d.toString(),
  a.copy(d, 10),
  d.write('XY', 3),
  d.toString(),
  d.write('é', 4),
  d.toString('latin1'),
  d.write('abc', 0, 1),
  a.at(-1),
  [...a.entries()].length,
  a.toJSON().type,
);
console.log(
  typeof kMaxLength,
  constants.MAX_STRING_LENGTH > 1e8,
  isUtf8(B.from([0xff])),
  isUtf8(B.from('é')),
  isAscii(B.from('é')),
  transcode(B.from('é'), 'utf8', 'latin1'),
  transcode(B.from('€'), 'utf8', 'ascii'),
  B.of(1, 2),
  a instanceof Uint8Array,
  B.isBuffer(new Uint8Array(1)),
  B.allocUnsafe(3).length,
  a.parent === a.buffer,
  B.copyBytesFrom(new Uint16Array([1, 2, 3]), 1, 1),
);
const blob = new Blob(['ab', B.from('cd'), new Blob(['ef'])], { type: 'Text/Plain' });
console.log(blob.size, blob.type, await blob.text(), await blob.slice(1, 4).text(), B.from(await blob.arrayBuffer()), blob);
const f = new File(['x'], 'n.txt', { lastModified: 5 });
console.log(f.name, f.lastModified, f.size, f instanceof Blob);
let n = 0;
for await (const c of blob.stream()) n += c.length;
console.log(n);
try {
  B.concat([1]);
} catch (e) {
  console.log(e.code, e.message);
}
try {
  B.alloc(kMaxLength + 1);
} catch (e) {
  console.log(e.code);
}
try {
  a.toString('bad');
} catch (e) {
  console.log(e.code, e.message);
}
