// Link and syntax errors name the module and what is missing.
const t = async (n) => {
  try {
    await import(n);
    console.log(n, 'ok');
  } catch (e) {
    console.log(
      n,
      e.name,
      e.code,
      e.message
        .replaceAll(import.meta.dirname, '.')
        .replaceAll('file://', '')
        .split('\n')[0],
    );
  }
};
for (const n of [
  './noexport.mjs',
  './syntax.mjs',
  './dup.mjs',
  './ambiguous.mjs',
  './deepmissing.mjs',
  './throws.mjs',
  './throws.mjs',
  './unknown.ext',
  './rejects.mjs',
  'data:text/nope,x',
  'data:application/json,{}',
  './wasm.wasm',
  '',
])
  await t(n);
try {
  (0, eval)('import("./x")').catch((e) => console.log(e.code));
} catch (e) {
  console.log(e.code);
}
new Function('return import("fs")')().then(
  (m) => console.log(typeof m.default),
  (e) => console.log(e.code),
);
