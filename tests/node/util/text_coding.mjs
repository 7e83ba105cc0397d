// TextEncoder and TextDecoder with streaming, fatal and BOM.
const hex = (b) => Buffer.from(b).toString('hex');
const te = new TextEncoder();
console.log(hex(te.encode('aé☃😀')), te.encodeInto('é☃', new Uint8Array(4)), hex(te.encode('\ud800x')), te.encoding);
const d = new TextDecoder();
console.log(
  d.encoding,
  d.fatal,
  d.ignoreBOM,
  d.decode(Buffer.from('efbbbf61', 'hex')),
  JSON.stringify(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from('efbbbf61', 'hex'))),
  d.decode(Buffer.from('61ff62', 'hex')),
);
try {
  new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from('ff', 'hex'));
} catch (e) {
  console.log(e.name, e.code, e.message);
}
try {
  new TextDecoder('nope');
} catch (e) {
  console.log(e.name, e.code, e.message);
}
const s = new TextDecoder();
console.log(
  JSON.stringify(s.decode(Buffer.from('e298', 'hex'), { stream: true })),
  s.decode(Buffer.from('83', 'hex'), { stream: true }),
  s.decode(),
);
console.log(
  new TextDecoder('utf-16le').decode(Buffer.from('6100e900', 'hex')),
  new TextDecoder('latin1').encoding,
  new TextDecoder('latin1').decode(Buffer.from('61e9', 'hex')),
  new TextDecoder().decode(new Uint16Array([0x6261])),
  new TextDecoder().decode(new DataView(new ArrayBuffer(1))).length,
  atob('aGk='),
  btoa('hi'),
);
try {
  atob('*');
} catch (e) {
  console.log(e.name, e.message);
}
try {
  btoa('☃');
} catch (e) {
  console.log(e.name);
}
