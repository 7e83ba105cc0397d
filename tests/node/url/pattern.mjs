// URLPattern: parts, groups, bases, regular expressions of JavaScript's, and what is refused.
const show = (value) => console.log(JSON.stringify(value));
const pattern = new URLPattern('https://:sub.example.com/books/:id(\\d+)?');
for (const part of ['protocol', 'hostname', 'port', 'pathname', 'search', 'hash', 'hasRegExpGroups']) {
  console.log(part, pattern[part]);
}
for (const url of ['https://a.example.com/books/12', 'https://a.example.com/books', 'https://example.com/books/1', 'not a url']) {
  console.log(url, pattern.test(url));
  const match = pattern.exec(url);
  show(match && [match.inputs, match.hostname.groups, match.pathname]);
}
show(new URLPattern({ pathname: '/:a/*' }).exec('/x/y/z', 'https://base.example').pathname.groups);
console.log(new URLPattern('/FOO', 'https://example.com', { ignoreCase: true }).test('https://example.com/foo'));
console.log(new URLPattern({ pathname: '/((?!no).*)' }).test('https://h/yes'));
for (const make of [() => new URLPattern('('), () => new URLPattern(1), () => new URLPattern({}, 'https://x'),
                    () => URLPattern('a'), () => pattern.exec({}, 'https://x'), () => new URLPattern('/a')]) {
  try {
    console.log(make());
  } catch (error) {
    console.log(error.name, error.code, error.message);
  }
}
