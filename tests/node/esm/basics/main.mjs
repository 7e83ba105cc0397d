// Exports, live bindings, namespaces, defaults and renames.
import def, { a, b as renamed, inc } from './lib.mjs';
import * as ns from './lib.mjs';
import { default as other, reexported, star } from './re.mjs';
console.log(def, a, renamed, other, reexported, star);
inc();
console.log(a, ns.a, Object.keys(ns), ns[Symbol.toStringTag], Object.isFrozen(ns), ns);
try {
  ns.a = 5;
} catch (e) {
  console.log(e.name, e.message);
}
try {
  a = 1;
} catch (e) {
  console.log(e.name, e.message);
}
console.log(
  typeof require,
  typeof module,
  typeof __filename,
  this,
  typeof exports,
  (function () {
    return this;
  })(),
);
const again = await import('./lib.mjs');
console.log(again === ns, (await import('./lib.mjs?query')) === ns, (await import('data:text/javascript,export default 7')).default);
