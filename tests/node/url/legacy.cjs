// url.parse, resolve and format of the old interface.
const url = require('url');
for (const x of [
  'http://user:pass@host.com:80/p/a?q=1&r=2#h',
  '/just/path?x',
  'mailto:a@b.c',
  '//host/x',
  'javascript:alert(1)',
  'HTTP://ABC/%20 x',
  '',
])
  console.log(url.parse(x));
console.log(
  { ...url.parse('http://a/?b=1&b=2', true).query },
  url.parse('//h/x', false, true).host,
  url.resolve('/one/two/three', 'four'),
  url.resolve('http://a/b', '../c'),
  url.resolve('http://a.com/b/', '//x.com/y'),
  url.format({ protocol: 'http', host: 'h:1', pathname: 'p', query: { a: 1 } }),
  url.format({ hostname: 'x', port: 5, search: 's', hash: 'h' }),
);
try {
  url.parse(5);
} catch (e) {
  console.log(e.code, e.message);
}
