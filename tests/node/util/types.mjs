// util.types tells the kinds of objects.
import { types } from 'node:util';
const v = {
  date: new Date(),
  regexp: /x/,
  map: new Map(),
  set: new Set(),
  wm: new WeakMap(),
  ws: new WeakSet(),
  prom: Promise.resolve(),
  proxy: new Proxy({}, {}),
  ab: new ArrayBuffer(1),
  sab: new SharedArrayBuffer(1),
  u8: new Uint8Array(),
  dv: new DataView(new ArrayBuffer(1)),
  f: () => {},
  af: async () => {},
  gf: function* () {},
  gen: (function* () {})(),
  err: new Error(),
  num: Object(1),
  str: Object(''),
  sym: Object(Symbol()),
  big: Object(1n),
  args: (function () {
    return arguments;
  })(),
  mi: new Map().entries(),
  si: new Set().values(),
  buf: Buffer.alloc(1),
  ns: await import('node:fs'),
  plain: {},
  f64: new Float64Array(),
  weak: new WeakRef({}),
};
for (const [name, x] of Object.entries(v))
  console.log(
    name,
    Object.keys(types)
      .filter((t) => {
        try {
          return types[t](x);
        } catch {
          return false;
        }
      })
      .sort()
      .join(),
  );
