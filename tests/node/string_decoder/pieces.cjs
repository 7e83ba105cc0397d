// StringDecoder keeps incomplete characters for the next piece.
const { StringDecoder } = require('string_decoder');
const bytes = Buffer.from('aé☃😀');
for (const enc of ['utf8', 'utf16le', 'base64', 'latin1', 'hex', 'ascii']) {
  const src = enc === 'utf16le' ? Buffer.from('aé☃😀', enc) : bytes;
  const d = new StringDecoder(enc);
  const parts = [];
  for (const b of src) parts.push(d.write(Buffer.from([b])));
  parts.push(d.end());
  console.log(enc, JSON.stringify(parts), d.encoding);
}
const d = new StringDecoder();
console.log(
  JSON.stringify([
    d.write(Buffer.from([0xe2, 0x98])),
    d.end(),
    d.write(Buffer.from([0xff, 0x61])),
    d.write(Buffer.from([0xf0, 0x9f])),
    d.write(Buffer.from([0x61])),
    d.end(Buffer.from('x')),
  ]),
);
try {
  new StringDecoder('zz');
} catch (e) {
  console.log(e.code, e.message);
}
try {
  d.write(5);
} catch (e) {
  console.log(e.code, e.message);
}
