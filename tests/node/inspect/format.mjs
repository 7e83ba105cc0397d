// util.format follows its directives.
import { format, formatWithOptions, inspect, stripVTControlCharacters, styleText } from 'node:util';
console.log(
  format('%s %s', 'a'),
  format('%d', '42'),
  format('%d', 5n),
  format('%i', 3.9),
  format('%f', '1.5x'),
  format('%j', { a: [1] }),
  format('%%', 1),
  format('%x', 1),
  format(1, 2, '3'),
  format('a', 'b', { c: 1 }),
  format(),
);
console.log(
  format('%s', null, undefined),
  format('%s', Symbol('q')),
  format('%s', () => 1),
  format('%s', {
    toString() {
      return 'own';
    },
  }),
  format('%s', class K {}),
  format('%s', -0),
  format('%s', [1, [2, [3]]]),
  format('%s', new Error('err').message),
);
console.log(
  format('%o', { f() {} }).split('\n').length > 3,
  format('%O', { a: { b: { c: { d: {} } } } }),
  format('%d', {}),
  format('%i', 'x'),
  format('%c', 'css'),
  format(
    '%j',
    (() => {
      const a = {};
      a.a = a;
      return a;
    })(),
  ),
);
console.log(formatWithOptions({ colors: true }, '%s %O', 'x', { a: 1 }), formatWithOptions({ compact: false }, { a: 1 }));
console.log(
  stripVTControlCharacters('\u001b[31mred\u001b[0m'),
  JSON.stringify(styleText('red', 'x', { validateStream: false })),
  JSON.stringify(styleText(['bold', 'underline'], 'y', { validateStream: false })),
);
console.log(inspect.defaultOptions);
