// util.inspect shows values of every type.
import { inspect } from 'node:util';
const p = (...a) => console.log(...a.map((x) => inspect(x)));
p(
  0,
  -0,
  1.5,
  NaN,
  Infinity,
  10n,
  'str',
  "it's",
  'both \' and "',
  `all ' " \``,
  'nl\n\t\x01\u{1F600}',
  true,
  null,
  undefined,
  Symbol('d'),
  Symbol.iterator,
);
p(
  {},
  { a: 1, 'b-c': 2, 3: 4, [Symbol('k')]: 5 },
  {
    get g() {
      return 1;
    },
    set s(v) {},
    get gs() {
      return 1;
    },
    set gs(v) {},
  },
);
p(
  [],
  [1, , 3],
  [, ,],
  new Array(3),
  Object.assign([1], { x: 1 }),
  Array.from({ length: 120 }, (_, i) => i),
);
p(
  function named() {},
  () => {},
  async () => {},
  function* gen() {},
  async function* ag() {},
  class A {},
  class B extends Map {},
  class extends Object {},
);
p(
  new Date(0),
  new Date(NaN),
  /re/gi,
  new Error('e').message,
  new (class Foo {
    constructor() {
      this.x = 1;
    }
  })(),
  Object.create(null),
  Object.create({ inherited: 1 }),
  Object.create(null, { a: { value: 1, enumerable: true } }),
);
p(
  new Map([
    [1, { a: 2 }],
    ['k', [1]],
  ]),
  new Set([1, 'a', {}]),
  new WeakMap(),
  new WeakSet(),
  new Map().entries(),
  new Set([1]).values(),
  [1, 2][Symbol.iterator](),
  'ab'[Symbol.iterator](),
);
p(
  Promise.resolve(4),
  Promise.reject(new Error('x')).catch(() => {}) && 1,
  new Promise(() => {}),
  new Proxy({ a: 1 }, {}),
  new Proxy(function f() {}, {}),
);
p(
  Buffer.from('hi'),
  new Uint8Array([1, 2]),
  new Float64Array(2),
  new ArrayBuffer(4),
  new DataView(new ArrayBuffer(2)),
  new SharedArrayBuffer(2),
  new BigInt64Array(1),
);
p(new Number(3), new String('s'), new Boolean(false), Object(1n), Object(Symbol('o')), Object.assign(new String('abc'), { extra: 1 }));
p(
  globalThis === global,
  Math,
  JSON,
  Reflect,
  (function () {
    return arguments;
  })(1, 2),
  (function* () {})(),
  new (class extends Array {})(3),
  new (class Ext extends Set {})([1]),
);
