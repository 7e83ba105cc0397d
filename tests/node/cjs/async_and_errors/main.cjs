// An error while a module loads leaves it out of the cache.
for (let i = 0; i < 2; i++)
  try {
    require('./thrower.cjs');
  } catch (e) {
    console.log(e.message);
  }
console.log(Object.keys(require.cache).length);
import('./late.cjs').then((m) => console.log(m.default, Object.keys(m)));
console.log('sync end');
try {
  require('./reexport.cjs');
} catch (e) {
  console.log(e.code);
}
(async () => {
  const { default: d, named } = await import('./esm.mjs');
  console.log(d, named);
})();
