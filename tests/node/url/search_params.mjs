// URLSearchParams edits, sorts and iterates.
const p = new URLSearchParams('?a=1&b=2&a=3&c=%20x+y&d=é');
console.log(p, p.get('a'), p.getAll('a'), p.has('b'), p.has('a', '3'), p.get('zz'), p.size, String(p));
p.append('e', '&=');
p.set('a', 'new');
p.delete('b');
p.sort();
console.log(p.toString(), [...p], [...p.keys()], [...p.values()]);
p.forEach((v, k) => console.log(k, v));
console.log(
  new URLSearchParams({ x: 1, y: [1, 2] }).toString(),
  new URLSearchParams([
    ['q', '1'],
    ['q', '2'],
  ]).toString(),
  new URLSearchParams(new Map([['m', 'n']])).toString(),
  new URLSearchParams('a=b=c&&d').toString(),
);
const u = new URL('http://x/?a=1');
u.searchParams.append('b', ' ');
console.log(u.href);
u.search = '';
console.log([...u.searchParams], p.entries());
try {
  new URLSearchParams([['x']]);
} catch (e) {
  console.log(e.code, e.message);
}
try {
  p.get();
} catch (e) {
  console.log(e.code, e.message);
}
try {
  new URLSearchParams(5n);
  p.append('x');
} catch (e) {
  console.log(e.code);
}
