// Web streams and their adapters.
import { Readable, Writable } from 'node:stream';
const rs = new ReadableStream({
  start(c) {
    c.enqueue('a');
    c.enqueue('b');
    c.close();
  },
});
for await (const x of rs) console.log(x);
const ts = new TransformStream({
  transform(c, ctl) {
    ctl.enqueue(c.toUpperCase());
  },
});
const w = ts.writable.getWriter();
w.write('up');
w.close();
console.log((await ts.readable.getReader().read()).value);
const [t1, t2] = new ReadableStream({
  start(c) {
    c.enqueue(1);
    c.close();
  },
}).tee();
console.log((await t1.getReader().read()).value, (await t2.getReader().read()).value);
const nodeR = Readable.fromWeb(
  new ReadableStream({
    start(c) {
      c.enqueue(Buffer.from('web'));
      c.close();
    },
  }),
);
for await (const c of nodeR) console.log(String(c));
const web = Readable.toWeb(Readable.from([Buffer.from('node')]));
for await (const c of web) console.log(Buffer.from(c).toString());
const ws = new WritableStream({
  write(c) {
    console.log('ws', c);
  },
  close() {
    console.log('ws close');
  },
});
const nw = Writable.fromWeb(ws);
nw.end('text');
await new Promise((r) => nw.on('close', r));
const locked = new ReadableStream();
locked.getReader();
try {
  locked.getReader();
} catch (e) {
  console.log(e.name, e.code);
}
const d = new TextDecoderStream();
const dw = d.writable.getWriter();
dw.write(Buffer.from([0xe2, 0x98]));
dw.write(Buffer.from([0x83]));
dw.close();
let s = '';
for await (const c of d.readable) s += c;
console.log(s, new CountQueuingStrategy({ highWaterMark: 3 }).highWaterMark);
