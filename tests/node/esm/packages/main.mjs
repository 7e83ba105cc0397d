// exports, imports, conditions, self-reference and subpath patterns.
const t = async (n) => {
  try {
    const m = await import(n);
    console.log(n, '->', m.default ?? m);
  } catch (e) {
    console.log(
      n,
      e.code,
      e.message
        .replaceAll(import.meta.dirname, '.')
        .replaceAll('file://', '')
        .split('\n')[0],
    );
  }
};
for (const n of [
  'cond',
  'cond/sub',
  'cond/p/one',
  'cond/p/no',
  'cond/internal',
  'cond/file.js',
  '#internal',
  '#dep',
  '#missing',
  '#pat/x',
  'self',
  'self/part',
  'plain',
  'plain/lib.js',
  'plain/lib',
  './nodir',
  './dir',
  'fs',
  'node:nope',
  'missing-package',
  './missing.mjs',
  './missing',
  'http://x/y.js',
  'cond/',
  './pkgjs/x.js',
  './typed.cjs',
  '@bad',
  'invalid',
])
  await t(n);
