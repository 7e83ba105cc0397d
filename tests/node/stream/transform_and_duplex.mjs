// Transform, Duplex, PassThrough and object modes.
import { Transform, Duplex, PassThrough, Readable, duplexPair } from 'node:stream';
const up = new Transform({
  transform(c, e, cb) {
    cb(null, c.toString().toUpperCase());
  },
  flush(cb) {
    this.push('!flush');
    cb();
  },
});
up.end('abc');
console.log((await up.toArray()).map(String));
const split = new Transform({
  readableObjectMode: true,
  transform(c, e, cb) {
    for (const l of c.toString().split(',')) this.push({ l });
    cb();
  },
});
split.write('a,b');
split.end('c');
for await (const x of split) console.log(x);
const err = new Transform({
  transform(c, e, cb) {
    cb(new Error('transform failed'));
  },
});
err.on('error', (e) => console.log(e.message));
err.write('x');
await new Promise((r) => err.on('close', r));
const d = new Duplex({
  read() {
    this.push('from read');
    this.push(null);
  },
  write(c, e, cb) {
    console.log('wrote', c.toString());
    cb();
  },
});
d.end('to write');
for await (const c of d) console.log(c.toString());
const half = new Duplex({
  allowHalfOpen: false,
  read() {
    this.push(null);
  },
  write(c, e, cb) {
    cb();
  },
});
half.on('finish', () => console.log('finished by end'));
half.resume();
await new Promise((r) => half.on('close', r));
const p = new PassThrough();
p.end('through');
console.log(String(await p.toArray()));
const [a, b] = duplexPair();
a.write('ping');
b.once('data', (c) => {
  console.log('b got', String(c));
  b.write('pong');
});
a.once('data', (c) => {
  console.log('a got', String(c));
  a.end();
  b.end();
});
await new Promise((r) => b.on('close', r));
const fromGen = Duplex.from(async function* (src) {
  for await (const c of src) yield String(c) + '?';
});
fromGen.end('gen');
console.log((await fromGen.toArray()).map(String));
const map = Transform.from ? 'yes' : 'no';
console.log(map, Readable.from('str').readableObjectMode);
