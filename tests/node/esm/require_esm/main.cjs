// require loads ES modules without top-level await.
const ns = require('./lib.mjs');
console.log(ns, ns.default, ns.named, require('./lib.mjs') === ns, ns.__esModule);
console.log(require('./marker.mjs'));
try {
  require('./tla.mjs');
} catch (e) {
  console.log(e.code, e.message.split('\n')[0]);
}
try {
  require('./throws.mjs');
} catch (e) {
  console.log(e.message);
}
console.log(require('esmpkg').default, process.features.require_module);
import('./lib.mjs').then((m) => console.log(m.default === ns.default, m.__esModule));
try {
  require('./cycle.mjs');
} catch (e) {
  console.log(e.code);
}
