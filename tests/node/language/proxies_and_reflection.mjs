// Proxy traps, getters, symbols and property attributes.
const log = [];
const p = new Proxy(
  { a: 1 },
  {
    get: (t, k, r) => (log.push(['get', String(k)]), Reflect.get(t, k, r)),
    has: (t, k) => (log.push(['has', k]), k in t),
    set: (t, k, v) => (log.push(['set', k, v]), Reflect.set(t, k, v)),
    deleteProperty: (t, k) => (log.push(['del', k]), delete t[k]),
    ownKeys: (t) => (log.push(['keys']), Reflect.ownKeys(t)),
    apply: () => 1,
  },
);
p.b = p.a;
'b' in p;
delete p.b;
Object.keys(p);
console.log(log);
const frozen = Object.freeze({ x: 1 });
try {
  frozen.x = 2;
} catch (e) {
  console.log(e.message);
}
try {
  Object.defineProperty(frozen, 'y', {});
} catch (e) {
  console.log(e.message);
}
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();
try {
  proxy.x;
} catch (e) {
  console.log(e.message);
}
class T {
  static [Symbol.hasInstance](v) {
    return v === 5;
  }
  get [Symbol.toStringTag]() {
    return 'TT';
  }
  [Symbol.toPrimitive](h) {
    return h === 'number' ? 42 : h;
  }
}
console.log(5 instanceof T, String(new T()), +new T(), `${new T()}`, Object.prototype.toString.call(new T()));
console.log(
  Object.getOwnPropertyDescriptors(
    class {
      static s = 1;
      static m() {}
    },
  ).m.enumerable,
  Reflect.construct(Array, [3]).length,
  Object.entries(
    Object.getOwnPropertyDescriptor(
      {
        get a() {
          return 1;
        },
      },
      'a',
    ),
  ).map(([k, v]) => [k, typeof v]),
  [
    ...new (class {
      *[Symbol.iterator]() {
        yield 1;
        yield 2;
      }
    })(),
  ],
);
