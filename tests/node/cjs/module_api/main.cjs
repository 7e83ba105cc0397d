// createRequire, Module._load parts, wrap, and modules compiled by hand.
const Module = require('module');
const path = require('path');
const r = Module.createRequire(path.join(__dirname, 'sub/x.js'));
console.log(r('./y'), typeof r.resolve);
console.log(Module.wrap('X'), Module.Module === Module, typeof Module._resolveFilename, Module._extensions === require.extensions);
const m = new Module('virtual', module);
m.filename = path.join(__dirname, 'virtual.js');
m.paths = Module._nodeModulePaths(__dirname);
m._compile('module.exports = [__filename.endsWith("virtual.js"), typeof require, require("./sub/y.js")]', m.filename);
console.log(m.exports);
require.extensions['.up'] = (mod, f) => {
  mod.exports = require('fs').readFileSync(f, 'utf8').trim().toUpperCase();
};
console.log(require('./text.up'), require('./text'));
const orig = Module._load;
Module._load = function (req, ...rest) {
  if (req === 'magic') return 'patched';
  return orig.call(this, req, ...rest);
};
console.log(require('magic'));
Module._load = orig;
try {
  require('magic');
} catch (e) {
  console.log(e.code);
}
console.log(Module.stripTypeScriptTypes ? typeof Module.stripTypeScriptTypes : 'none');
try {
  Module.createRequire('relative');
} catch (e) {
  console.log(e.code);
}
