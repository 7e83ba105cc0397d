// CommonJS modules give a default and the names a lexer finds.
import def, { named, viaDefine } from './cjs.cjs';
import * as ns from './reexport.cjs';
import fs, { readFileSync } from 'node:fs';
import tr from './transpiled.cjs';
import { a as tra } from './transpiled.cjs';
console.log(def, named, viaDefine, Object.keys(ns), ns.default, fs.readFileSync === readFileSync, tr, tra);
const m = await import('./dynamic.cjs');
console.log(Object.keys(m), m.default);
try {
  await import('./missing-name.mjs');
} catch (e) {
  console.log(e.name, e.message.replace(/file:.*\//, '').split('\n')[0]);
}
fs.own = 1;
console.log((await import('node:fs')).default.own);
import { syncBuiltinESMExports } from 'node:module';
const old = fs.existsSync;
fs.existsSync = () => 'patched';
syncBuiltinESMExports();
console.log((await import('node:fs')).existsSync('x'));
fs.existsSync = old;
