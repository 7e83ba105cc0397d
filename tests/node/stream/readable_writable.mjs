// Readable and Writable: modes, events, highWaterMark, destroy, end and errors.
import { Readable, Writable } from 'node:stream';
const r = new Readable({
  read(n) {
    this.push(i < 3 ? String(i++) : null);
  },
});
let i = 0;
r.on('readable', () => {
  let c;
  while ((c = r.read()) !== null) console.log('read', c.toString());
});
r.on('end', () => console.log('end'));
r.on('close', () => console.log('close'));
await new Promise((res) => r.on('close', res));
console.log(r.readableEnded, r.destroyed, r.readableFlowing, r.readableHighWaterMark);
const seen = [];
const w = new Writable({
  highWaterMark: 3,
  write(c, enc, cb) {
    seen.push(`${c}/${enc}`);
    setImmediate(cb);
  },
  final(cb) {
    seen.push('final');
    cb();
  },
});
console.log(w.write('ab'), w.write('cd'), w.writableLength, w.writableNeedDrain);
w.on('drain', () => console.log('drain'));
w.on('finish', () => console.log('finish', seen));
w.end('ef', () => console.log('end cb'));
await new Promise((res) => w.on('close', res));
w.write('late', (e) => console.log('cb', e.code));
w.on('error', (e) => console.log('error', e.code, e.message));
await new Promise((res) => setTimeout(res, 5));
const bad = new Writable({
  write(c, e, cb) {
    cb(new Error('write failed'));
  },
});
bad.on('error', (e) => console.log(e.message, bad.errored === e));
bad.on('close', () => console.log('bad closed'));
bad.write('x', (e) => console.log('cb', e.message));
await new Promise((res) => bad.on('close', res));
const d = new Readable({
  read() {},
  destroy(e, cb) {
    console.log('destroying', e?.message);
    cb(e);
  },
});
d.on('error', (e) => console.log('err', e.message));
d.destroy(new Error('why'));
await new Promise((res) => d.on('close', res));
const o = new Readable({ objectMode: true, read() {} });
o.push({ a: 1 });
o.push([2]);
o.push(null);
o.on('data', (x) => console.log('obj', x));
await new Promise((res) => o.on('end', res));
const u = new Readable({ read() {} });
u.push('b');
u.unshift('a');
u.push(null);
u.setEncoding('utf8');
console.log(await u.toArray());
try {
  new Writable().write(null);
} catch (e) {
  console.log(e.code);
}
const nm = new Readable();
nm.on('error', (e) => console.log(e.code));
nm.read();
await 0;
const pz = Readable.from(['p', 'q']);
pz.pause();
console.log(pz.isPaused());
pz.on('data', (x) => console.log(x));
setTimeout(() => pz.resume(), 2);
await new Promise((res) => pz.on('end', res));
const def = new Writable({
  decodeStrings: false,
  defaultEncoding: 'hex',
  write(c, e, cb) {
    console.log(c, e);
    cb();
  },
  writev: undefined,
});
def.write('abcd');
const wv = new Writable({
  writev(ch, cb) {
    console.log(ch.map((x) => x.chunk.toString()));
    cb();
  },
});
wv.cork();
wv.write('1');
wv.write('2');
wv.uncork();
wv.end();
