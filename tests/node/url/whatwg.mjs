// URL parses, resolves, edits and refuses.
import url from 'node:url';
const u = new URL('https://user:p%40ss@sub.example.com:8080/p/a/t/h;x?query=string&a=1#hash');
console.log(u);
for (const k of ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'])
  console.log(k, u[k]);
u.port = '443';
u.pathname = '/a b/é';
u.hash = '';
u.search = '?x=é';
u.hostname = 'münchen.de';
u.protocol = 'http';
console.log(u.href, String(u), JSON.stringify(u));
for (const [r, b] of [
  ['../x', 'http://a/b/c/d'],
  ['//h/p', 'https://a'],
  ['?q', 'http://a/b?c'],
  ['#f', 'http://a/b'],
  ['x', 'file:///a/b'],
  ['http:x', 'http://a/b/'],
  ['', 'http://a/b?c#d'],
  ['C:\\x', 'file:///'],
])
  console.log(new URL(r, b).href);
for (const x of [
  'HTTP://EXAMPLE.com:80/%7Euser/../x',
  'http://[::1]:3000',
  'http://0x7f.1/',
  'data:text/plain,hi there',
  'blob:https://a/b',
  'mailto:x@y',
  'http://a/\ttab\nnl',
  'http://ex%41mple',
  'http://日本語.jp/',
  'file:///C|/x',
  'http://1.2.3',
])
  console.log(new URL(x).href);
for (const x of ['no', 'http://', 'http://a:99999', 'http://a b', 'http://[::', '//x', 'http://%', 'http://1.2.3.400'])
  try {
    new URL(x);
    console.log('parsed', x);
  } catch (e) {
    console.log(e.name, e.code, e.message, e.input);
  }
console.log(
  URL.canParse('a'),
  URL.canParse('/a', 'http://x'),
  URL.parse('bad'),
  URL.parse('http://x').href,
  url.fileURLToPath('file:///a%20b/c'),
  url.pathToFileURL('/a b#?é%').href,
  url.domainToASCII('español.com'),
  url.domainToUnicode('xn--espaol-zwa.com'),
  url.urlToHttpOptions(new URL('http://a:b@c:1/d?e')).auth,
  url.format(new URL('http://a/b?c#d'), { fragment: false, search: false }),
);
for (const x of ['http://a', 'file://host/x', 'file:///a%2Fb'])
  try {
    url.fileURLToPath(x);
  } catch (e) {
    console.log(e.code, e.message);
  }
