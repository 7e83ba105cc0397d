// Buffers come from and go to every encoding.
for (const enc of ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'binary', 'ascii', 'ucs2', 'utf16le']) {
  const b = Buffer.from('aé☃😀z', enc === 'hex' ? 'utf8' : enc);
  console.log(
    enc,
    b.length,
    b.toString('hex'),
    JSON.stringify(Buffer.from([0x61, 0xe9, 0xff, 0x00, 0xf0, 0x9f, 0x98, 0x80]).toString(enc)),
    Buffer.byteLength('aé☃', enc),
    Buffer.isEncoding(enc),
  );
}
console.log(
  Buffer.from('abc', 'hex'),
  Buffer.from('0g11', 'hex'),
  Buffer.from('aGk', 'base64'),
  Buffer.from('a G\nk=', 'base64'),
  Buffer.from('_-8', 'base64'),
  Buffer.from('aGk=extra', 'base64').toString(),
);
console.log(
  Buffer.from([1, 256, -1, 1.9, '5', 'x']),
  Buffer.from(new Uint16Array([1, 300])),
  Buffer.from(new ArrayBuffer(2)),
  Buffer.from({ type: 'Buffer', data: [1, 2] }),
  Buffer.from(new String('s')),
  Buffer.from(''),
);
const t = (f) => {
  try {
    console.log(f());
  } catch (e) {
    console.log(e.code, e.message);
  }
};
t(() => Buffer.from(5));
t(() => Buffer.from(null));
t(() => Buffer.from('x', 'zz'));
t(() => Buffer.alloc(-1));
t(() => Buffer.alloc('5'));
t(() => Buffer.byteLength(5));
t(() => Buffer.from({}));
console.log(
  JSON.stringify(Buffer.from('hi')),
  Buffer.from('hello').toString('utf8', 1, 3),
  Buffer.from([0xe2, 0x98]).toString(),
  Buffer.from('ÿ').toString('ascii'),
  Buffer.isEncoding('UTF-8'),
  Buffer.isEncoding('nope'),
  Buffer.poolSize,
);
