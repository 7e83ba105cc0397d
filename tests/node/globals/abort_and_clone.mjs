// structuredClone, AbortController, queueMicrotask and other globals.
const o = {
  d: new Date(5),
  m: new Map([[1, new Set([2])]]),
  r: /x/gi,
  b: new Uint8Array([1, 2]),
  e: new RangeError('er'),
  n: null,
  u: undefined,
  big: 5n,
  arr: [1, , 3],
  nest: {},
};
o.self = o;
o.nest.o = o;
const c = structuredClone(o);
console.log(
  c.self === c,
  c.nest.o === c,
  c.d.getTime(),
  [...c.m.get(1)],
  c.r,
  c.b,
  c.e instanceof RangeError,
  c.e.message,
  c.big,
  1 in c.arr,
  Object.getPrototypeOf(
    structuredClone(
      new (class X {
        a = 1;
      })(),
    ),
  ) === Object.prototype,
);
for (const bad of [() => {}, Symbol('s'), { f() {} }, new WeakMap(), Promise.resolve()])
  try {
    structuredClone(bad);
  } catch (e) {
    console.log(e.name, e.code, e.message);
  }
const ab = new ArrayBuffer(4);
const moved = structuredClone(ab, { transfer: [ab] });
console.log(ab.byteLength, moved.byteLength, ab.detached);
const ac = new AbortController();
ac.signal.addEventListener('abort', () => console.log('aborted', ac.signal.reason.message));
ac.abort(new Error('custom'));
ac.abort();
console.log(ac);
const { port1, port2 } = new MessageChannel();
port1.on('message', (m) => {
  console.log('msg', m);
  port1.close();
});
port2.postMessage({ hello: [1] });
await new Promise((r) => port1.on('close', r));
console.log(
  Object.getOwnPropertyNames(globalThis)
    .filter((n) => /^[a-z]/.test(n))
    .sort()
    .join(' '),
);
console.log(
  typeof fetch,
  typeof WebAssembly,
  typeof navigator,
  typeof crypto,
  typeof performance,
  typeof Event,
  typeof BroadcastChannel,
  typeof DOMException,
  new DOMException('m', 'NotFoundError').code,
  typeof gc,
  typeof require,
  typeof Iterator,
);
