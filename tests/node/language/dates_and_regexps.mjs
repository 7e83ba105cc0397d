// Dates in UTC and regular expressions.
const d = new Date('2024-02-29T12:34:56.789Z');
console.log(
  d,
  d.toISOString(),
  d.getTime(),
  d.toUTCString(),
  d.toString(),
  d.toJSON(),
  Date.UTC(2000, 0, 1),
  new Date('bad').getTime(),
  new Date(2020, 0, 31, 10).getMonth(),
  Date.parse('Thu, 01 Jan 1970 00:00:00 GMT'),
  new Date(0).toLocaleString('en-US', { timeZone: 'America/New_York' }),
);
d.setMonth(12);
console.log(d.toISOString(), typeof Date.now());
try {
  new Date(NaN).toISOString();
} catch (e) {
  console.log(e.name, e.message);
}
console.log(
  '2020-01-02'.match(/(\d+)-(\d+)/).slice(),
  'aBc'.replace(/b/i, (m, o) => m + o),
  'a,b;c'.split(/[,;]/),
  /a.c/s.test('a\nc'),
  /^b/m.test('a\nb'),
  'x1y2'.replace(/(?<l>[a-z])(\d)/g, '$2$<l>'),
  /\bfoo\b/y.exec('foo bar').index,
  /[\p{Lu}--[A-Z]]/v.test('É'),
  RegExp.escape?.('a.b'),
  /(a)|(b)/d.exec('b').indices[2],
  [...'aXbX'.matchAll(/X/g)].map((m) => m.index),
  'abc'.search(/c/),
);
const sticky = /o/g;
sticky.test('foo');
console.log(sticky.lastIndex);
