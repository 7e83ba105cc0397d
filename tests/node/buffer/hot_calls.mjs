// Natives that optimised code calls directly answer as they do when called once, and throw as they do then.
import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';

const ROUNDS = 20_000;

/** Calls `once` so often that it is optimised; every answer must be the first one. */
function hot(name, once) {
  const first = once();
  let others = 0;
  for (let round = 0; round < ROUNDS; round++) if (once() !== first) others++;
  console.log(name, first, others);
}

/** The same for what throws. `warm` is a call that does not. */
function hotThrow(name, warm, wrong) {
  const code = (call) => {
    try {
      return String(call());
    } catch (error) {
      return `${error.name} ${error.code}`;
    }
  };
  for (let round = 0; round < ROUNDS; round++) warm();
  console.log(name, code(wrong), code(wrong));
}

const cons = (n) => { let text = ''; for (let i = 0; i < n; i++) text += 'é' + i; return text; };
for (const text of ['', 'plain', 'na\u00efve', 'ÿ'.repeat(300), '\u{1f600} smile', 'ab\ud800', cons(40)]) {
  hot('byteLength', () => Buffer.byteLength(text));
}
hot('byteLength of a fresh string', () => Buffer.byteLength(cons(5)));

const small = Buffer.alloc(8, 1);
const large = Buffer.alloc(300, 1);
const other = Buffer.alloc(300, 1);
other[299] = 9;
for (const [a, b] of [[small, large], [large, other], [other, large], [small, new Uint8Array(8).fill(1)], [Buffer.alloc(0), small]]) {
  hot('compare', () => Buffer.compare(a, b));
  hot('compareOffset', () => a.compare(b, 0, b.length, 0, a.length));
}
hot('compare parts', () => large.compare(other, 200, 299, 200, 299));
const compare = (self, value) => Buffer.prototype.compare.call(self, value);
hotThrow('compare of something else', () => compare(small, large), () => compare({}, large));
hotThrow('compare with something else', () => compare(small, large), () => compare(small, 'x'));
const part = (start) => small.compare(large, start, 8, 0, 8);
hotThrow('compare out of range', () => part(0), () => part(301));

const source = Buffer.from('0123456789'.repeat(20));
for (const target of [Buffer.alloc(16), Buffer.alloc(200), new Uint8Array(16), source]) {
  hot('copy', () => {
    source.copy(target, 2, 3, 9);
    return Buffer.from(target.buffer, target.byteOffset, 12).toString('latin1');
  });
}
hot('copy over itself', () => {
  const bytes = Buffer.from('abcdefghij');
  bytes.copy(bytes, 2, 0, 6);
  return bytes.toString();
});

for (const bytes of [small, large, other, Buffer.from('find the x, then another x')]) {
  hot('indexOf', () => bytes.indexOf(0x78));
  hot('indexOf from', () => bytes.indexOf(9, -3));
  hot('lastIndexOf', () => bytes.lastIndexOf(0x78));
  hot('lastIndexOf before', () => bytes.lastIndexOf(0x178, 20));
  hot('includes', () => bytes.includes(1, 7.9));
}

for (const size of [2, 4, 8]) {
  const bytes = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  const long = Buffer.alloc(256, Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]));
  const name = `swap${size * 8}`;
  // An even number of turns leaves all as it was.
  for (let round = 0; round < ROUNDS; round++) { bytes[name](); long[name](); }
  console.log(name, bytes.toString('hex'), long.toString('hex', 0, 16));
  bytes[name]();
  console.log(name, bytes.toString('hex'));
}

for (const bytes of [small, large, Buffer.from('grün'), Buffer.from([0xff, 0xfe]), new ArrayBuffer(4)]) {
  hot('isAscii', () => isAscii(bytes));
  hot('isUtf8', () => isUtf8(bytes));
}
const detached = new ArrayBuffer(8);
structuredClone(detached, { transfer: [detached] });
const ascii = (bytes) => isAscii(bytes);
hotThrow('isAscii of a detached buffer', () => ascii(small), () => ascii(detached));

const encoder = new TextEncoder();
for (const target of [new Uint8Array(5), new Uint8Array(200)]) {
  for (const text of ['', 'abc', 'grün und süß', '\u{1f600}\ud800', 'x'.repeat(100)]) {
    hot('encodeInto', () => {
      target.fill(0);
      const { read, written } = encoder.encodeInto(text, target);
      return `${read} ${written} ${target.subarray(0, 20)}`;
    });
  }
}

hot('timingSafeEqual', () => timingSafeEqual(large, other));
const equal = (a, b) => timingSafeEqual(a, b);
hotThrow('timingSafeEqual of other lengths', () => equal(large, other), () => equal(large, small));
