// pipeline carries data and errors and destroys all; finished tells the end.
import { pipeline, finished, Readable, Writable, Transform, PassThrough, compose, addAbortSignal } from 'node:stream';
import sp from 'node:stream/promises';
const sink = () => {
  const parts = [];
  const w = new Writable({
    write(c, e, cb) {
      parts.push(c.toString());
      cb();
    },
  });
  w.parts = parts;
  return w;
};
const s1 = sink();
await sp.pipeline(
  Readable.from(['a', 'b']),
  async function* (src) {
    for await (const c of src) yield c + c;
  },
  s1,
);
console.log(s1.parts);
console.log(
  await sp.pipeline(Readable.from(['x', 'y']), async (src) => {
    let t = '';
    for await (const c of src) t += c;
    return t;
  }),
);
const r = Readable.from(['1', '2']);
const t = new Transform({
  transform(c, e, cb) {
    cb(new Error('mid'));
  },
});
const s2 = sink();
await new Promise((done) =>
  pipeline(r, t, s2, (e) => {
    console.log('cb', e.message);
    setImmediate(() => {
      console.log(r.destroyed, t.destroyed, s2.destroyed);
      done();
    });
  }),
);
const early = new PassThrough();
finished(early, (e) => console.log('finished', e?.code));
early.destroy();
await new Promise((x) => setTimeout(x, 2));
await sp.finished(Readable.from([]).resume());
console.log('done');
const ac = new AbortController();
const never = new Readable({ read() {} });
setTimeout(() => ac.abort(), 1);
await sp.pipeline(never, sink(), { signal: ac.signal }).catch((e) => console.log(e.name, e.code, never.destroyed));
const c = compose(
  new Transform({
    transform(x, e, cb) {
      cb(null, x + '1');
    },
  }),
  new Transform({
    transform(x, e, cb) {
      cb(null, x + '2');
    },
  }),
);
c.end('c');
console.log(String(await c.toArray()));
const ab = addAbortSignal(AbortSignal.abort(), new PassThrough());
ab.on('error', (e) => console.log(e.name));
await new Promise((x) => ab.on('close', x));
await sp.pipeline(Readable.from(['e']), sink(), { end: false });
try {
  pipeline(Readable.from([]));
} catch (e) {
  console.log(e.code, e.message);
}
await sp.pipeline(Readable.from(['z']), new PassThrough().destroy()).catch((e) => console.log(e.code));
const src = new PassThrough();
const dst = sink();
src.pipe(dst);
src.write('k');
src.unpipe(dst);
src.write('lost');
await new Promise((x) => setTimeout(x, 2));
console.log(dst.parts);
