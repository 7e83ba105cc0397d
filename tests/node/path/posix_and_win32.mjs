// path's functions, POSIX and Windows.
import path from 'node:path';
for (const p of [path.posix, path.win32]) {
  const s = p.sep;
  console.log(
    p.join('a', '..', 'b', './c', '//d'),
    p.join(''),
    p.join('a', ''),
    p.normalize('/a/./b/../../../c//d/'),
    p.normalize('a\\..\\b'),
    p.isAbsolute('/a'),
    p.isAbsolute('a'),
    p.isAbsolute('C:\\x'),
    s,
    p.delimiter,
  );
  console.log(
    p.basename('/a/b.txt'),
    p.basename('/a/b.txt', '.txt'),
    p.basename('/a/b/'),
    p.dirname('/a/b/c'),
    p.dirname('a'),
    p.dirname('/'),
    p.extname('a.b.c'),
    p.extname('.hidden'),
    p.extname('x.'),
    p.extname('a/b.c/d'),
  );
  console.log(
    p.parse('/home/u/file.txt'),
    p.format({ dir: '/x', base: 'y.z' }),
    p.format({ name: 'n', ext: 'e' }),
    p.relative('/a/b/c', '/a/d'),
    p.relative('/a', '/a'),
    p.resolve('/a', 'b', '../c'),
    p.resolve('/a', '/b'),
    p.parse('C:\\dir\\f.e'),
    p.matchesGlob('/foo/bar.js', '/foo/*.js'),
  );
}
console.log(
  path.resolve('x') === process.cwd() + '/x',
  path.resolve() === process.cwd(),
  path.win32.join('C:', 'x'),
  path.win32.resolve('C:\\a', '..\\b'),
  path.win32.relative('C:\\a\\b', 'C:\\c'),
  path.toNamespacedPath('/x'),
  path.posix === path,
);
for (const f of ['join', 'basename', 'parse', 'format'])
  try {
    path[f](5);
  } catch (e) {
    console.log(e.code, e.message);
  }
