// module.registerHooks changes resolution and source.
import { registerHooks } from 'node:module';
const h = registerHooks({
  resolve(s, c, next) {
    if (s === 'virtual:x') return { url: 'virtual:x', shortCircuit: true, format: 'module' };
    return next(s, c);
  },
  load(u, c, next) {
    if (u === 'virtual:x') return { format: 'module', source: 'export default "virtual"', shortCircuit: true };
    const r = next(u, c);
    if (u.endsWith('lib.mjs')) return { ...r, source: String(r.source).replace('PLACE', 'hooked') };
    return r;
  },
});
console.log((await import('virtual:x')).default, (await import('./lib.mjs')).default);
h.deregister();
console.log(await import('virtual:y').catch((e) => e.code));
