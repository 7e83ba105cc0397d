// util.inspect breaks lines, limits depth, marks cycles, and honours its options.
import { inspect } from 'node:util';
const deep = { a: { b: { c: { d: { e: 1 } } } } };
console.log(inspect(deep));
console.log(inspect(deep, { depth: 0 }));
console.log(inspect(deep, { depth: Infinity }));
console.log(inspect(deep, false, 1));
const cyc = { name: 'c', list: [] };
cyc.self = cyc;
cyc.list.push(cyc, { inner: cyc.list });
console.log(cyc);
console.log({ longKeyNumberOne: 'a string of some length', longKeyNumberTwo: 'another string of length', three: [1, 2, 3] });
console.log(Array.from({ length: 30 }, (_, i) => 'item' + i));
console.log(Array.from({ length: 27 }, (_, i) => i * 1000));
console.log(inspect({ a: [1, 2, { b: 1 }], s: new Set([[1]]) }, { compact: false }));
console.log(inspect({ a: { b: { c: 1 } } }, { compact: 1, breakLength: 40 }));
console.log(
  inspect(Array(200).fill(0), { maxArrayLength: 3 }),
  inspect('x'.repeat(50), { maxStringLength: 10 }),
  inspect(new Set([1, 2, 3, 4]), { maxArrayLength: 2 }),
);
console.log(
  inspect({ b: 1, a: 2, c: { z: 1, y: 2 } }, { sorted: true }),
  inspect(
    {
      get x() {
        return 5;
      },
    },
    { getters: true },
  ),
);
console.log(
  inspect(Object.defineProperty({}, 'hid', { value: 1 }), { showHidden: true }),
  inspect([1], { showHidden: true }),
  inspect(new Proxy({ t: 1 }, { get: () => 0 }), { showProxy: true }),
);
console.log(
  inspect({ s: 'str', n: 1, u: undefined, nul: null, d: new Date(0), r: /x/, sy: Symbol('q'), f() {}, b: true }, { colors: true }),
);
console.log(inspect(123456789.12345, { numericSeparator: true }), inspect({ a: 'x\ny'.repeat(20) }));
console.log(
  inspect(
    new (class {
      [inspect.custom](d, o, i) {
        return `custom ${d} ${typeof o.stylize} ${i === inspect}`;
      }
    })(),
  ),
  inspect({ [inspect.custom]: () => ({ replaced: true }) }),
  inspect({ [inspect.custom]: 1 }),
);
console.log(
  inspect(
    new (class X {
      get [Symbol.toStringTag]() {
        return 'Tag';
      }
    })(),
  ),
  inspect({ [Symbol.toStringTag]: 'T' }),
  inspect(Object.create({ constructor: { name: 'Fake' } })),
);
console.log({ multi: 'line one\nline two\nline three that is a bit longer than the others', arr: ['a\nb'] });
console.log([[[[[]]]]], [[[[1]]]], { a: [[{}]] }, [undefined, null, [undefined]], { 'a b': 1, ünï: 2, 'x-y': { '': 0 } });
