// The language itself: a walk over newer syntax and built-ins.
class C {
  #p = 1;
  static #count = 0;
  static {
    C.ready = true;
  }
  get p() {
    return this.#p;
  }
  static inc() {
    return ++C.#count;
  }
  has(o) {
    return #p in o;
  }
  accessor = 5;
}
const c = new C();
console.log(c.p, C.inc(), C.ready, c.has(c), c.has({}), c?.nope?.x, null ?? 'd', 2 ** 10, 1_000);
let x = null;
x ??= 5;
x &&= 6;
x ||= 7;
console.log(
  x,
  [3, 1, 2].toSorted(),
  [1, 2, 3].with(1, 9),
  [1, 2, 3].at(-1),
  [1, 2, 3].findLast((v) => v < 3),
  Object.groupBy([1, 2, 3], (v) => (v % 2 ? 'odd' : 'even')),
  'a-b-a'.replaceAll('a', 'x'),
  'x'.padStart(3, '.'),
  [...'a1b2'.matchAll(/[a-z](\d)/g)].map((m) => m[1]),
  /(?<y>\d{4})/.exec('in 2024').groups.y,
  /(?<=\$)\d+/.exec('a$42')[0],
  'x'.at(0),
  Array.fromAsync !== undefined,
  Object.fromEntries([['a', 1]]),
  new Set([1, 2]).union(new Set([3])),
  [1, [2, [3]]].flat(Infinity),
);
label: for (const a of [1, 2])
  for (const b of [1, 2]) {
    if (b === 2) continue label;
    console.log(a, b);
  }
function* g() {
  const r = yield 1;
  console.log('got', r);
  try {
    yield 2;
  } finally {
    console.log('cleanup');
  }
}
const it = g();
console.log(it.next(), it.next('sent'), it.return('done'), it.next());
console.log(
  [
    ...(function* () {
      yield* [1, 2];
    })(),
  ].map((v) => v * 2),
  Iterator.from([1, 2, 3])
    .map((v) => v + 1)
    .take(2)
    .toArray(),
  Math.max(...[1, 5, 3]),
  Number.MAX_SAFE_INTEGER,
  0.1 + 0.2,
  parseInt('12px'),
  Number('0x1f'),
  (255).toString(16),
  BigInt.asUintN(8, 257n),
  Symbol.for('s') === Symbol.for('s'),
  Reflect.ownKeys({ b: 1, 2: 1, a: 1, 1: 1 }),
  JSON.stringify({ u: undefined, d: new Date(0), n: NaN, nest: { a: [1] } }, null, 1),
  JSON.parse('{"a":[1,{"b":null}]}', (k, v) => (typeof v === 'number' ? v + 1 : v)),
  new Intl.Locale('en').language,
  await (async () => {
    for await (const v of [Promise.resolve(1), 2]) if (v === 2) return v;
  })(),
);
console.log(
  new WeakMap([[c, 1]]).get(c),
  Atomics.add(new Int32Array(new SharedArrayBuffer(4)), 0, 5),
  structuredClone(new Error('x')).message,
  `t${1}${`n${2}`}`,
  String.raw`\n`,
  ((a, b = a * 2, ...r) => [a, b, r])(1, undefined, 3, 4),
  (({ a, ...rest }) => rest)({ a: 1, b: 2 }),
  typeof globalThis,
  void 0,
  [, 1].length,
  'é'.codePointAt(0),
  '\u{1F600}'.length,
  encodeURIComponent('é/'),
  escape('é'),
);
