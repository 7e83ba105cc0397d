// process.getBuiltinModule, isBuiltin and the list of modules.
const m = require('module');
console.log(
  process.getBuiltinModule('fs') === require('fs'),
  process.getBuiltinModule('node:path') === require('path'),
  process.getBuiltinModule('nope'),
  m.isBuiltin('fs'),
  m.isBuiltin('node:test'),
  m.isBuiltin('test'),
  m.builtinModules.includes('assert'),
  m.builtinModules.length > 50,
);
try {
  require('node:nope');
} catch (e) {
  console.log(e.code, e.message);
}
try {
  require('nope');
} catch (e) {
  console.log(e.code, e.message.split('\n')[0]);
}
