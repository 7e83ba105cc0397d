// querystring parses, builds, escapes and limits.
const qs = require('querystring');
console.log(
  qs.parse('a=1&b=2&a=3&c&=d&e=%20x+y%zz&f=%C3%A9'),
  qs.parse('a:1;b:2', ';', ':'),
  qs.parse('a&b&c', null, null, { maxKeys: 2 }),
  qs.stringify({ a: [1, 2], b: 'x y', c: true, d: null, e: 'é&=', f: 5n, g: {} }),
  qs.stringify({ a: 1, b: 2 }, ';', ':'),
  qs.escape('a b&é'),
  qs.unescape('a%20b%zz'),
  qs.parse(''),
  qs.stringify(''),
  qs.decode === qs.parse,
);
try {
  qs.escape('\ud800');
} catch (e) {
  console.log(e.code, e.message);
}
