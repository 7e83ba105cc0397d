// stderr: ignored
// Every global and every builtin module has the properties, attributes, prototypes and plain values that Node gives them.
'use strict';
const { builtinModules } = require('node:module');

// What is known to differ, and why.
const KNOWN = [
  // V8 15.2 is newer than the V8 13.6 of Node 24.
  [/^Math\.sumPrecise$/, 'V8 15.2'],
  [/^Iterator\.concat$/, 'V8 15.2'],
  [/^Uint8Array(\.prototype)?\.((set)?(from|to)(Base64|Hex)|setFrom(Base64|Hex))$/i, 'V8 15.2'],
  [/^(Map|WeakMap)\.prototype\.getOrInsert(Computed)?$/, 'V8 15.2'],
  [/^Intl\.Locale\.prototype\.(calendars|collations|hourCycles|numberingSystems|textInfo|timeZones|weekInfo|variants)$/, 'V8 15.2'],
  [/^WebAssembly\.Memory\.prototype\.to(FixedLength|Resizable)Buffer$/, 'V8 15.2'],
  [/\.(arguments|caller)$/, 'V8 15.2 has them on the prototype of functions only'],
  [/^process\.versions\.(v8|openssl)$/, 'the libraries that are linked'],
  [/^(node:)?crypto\.constants\.OPENSSL_VERSION_NUMBER$/, 'the OpenSSL that is linked'],
  [/^node:constants\.OPENSSL_VERSION_NUMBER$/, 'the OpenSSL that is linked'],
  [/^node:tls\.rootCertificates/, 'Mozilla\'s list of a later day, in another order'],
  [/^process\.(pid|ppid|title|argv|argv0|execPath|env)\b/, 'of this process'],
  [/^process\.(stdin|stdout|stderr)\b/, 'of this process'],
  [/^console\._std(out|err)\b/, 'of this process'],
  [/(^node:module|^process\.mainModule\.__proto__\.constructor)\.(globalPaths|_pathCache|_cache)\b/, 'of this process'],
  [/nodeTiming\.(duration|nodeStart|v8Start|environment|bootstrapComplete|loopStart)$/, 'a time'],
  [/^performance\.(timeOrigin|nodeTiming\b.*)$/, 'a time'],
  [/^process\.(moduleLoadList|_events)\b/, 'what the start-up loaded'],
  [/^process\.allowedNodeEnvironmentFlags\b/, 'compared in cli/node_options'],
  [/^node:sqlite\.(__proto__|backup)\b/, 'the object of the binding is made by a template in Node, and its function may be called with new'],
  [/^RegExp\.(\$.|input|lastMatch|lastParen|leftContext|rightContext)$/, 'the last match'],
];

const lines = [];
const seen = new Set();
const shown = (key) => typeof key === 'symbol' ? `[${String(key)}]` : key;
function plain(value) {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : String(value);
}
function kind(value) {
  const tag = Object.prototype.toString.call(value);
  if (typeof value !== 'function') return tag;
  const name = Object.getOwnPropertyDescriptor(value, 'name')?.value;
  return `${tag} ${String(name)}/${Object.getOwnPropertyDescriptor(value, 'length')?.value}${Object.hasOwn(value, 'prototype') ? ' constructs' : ''}`;
}
function walk(start, root) {
  const queue = [[start, root]];
  for (const [path, object] of queue) {
    if (seen.has(object)) continue;
    seen.add(object);
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== null && !seen.has(prototype)) queue.push([`${path}.__proto__`, prototype]);
    for (const key of Reflect.ownKeys(object)) {
      const at = path === '' ? shown(key) : `${path}.${shown(key)}`;
      if (KNOWN.some(([pattern]) => pattern.test(at))) continue;
      const own = Object.getOwnPropertyDescriptor(object, key);
      if (own === undefined || (ArrayBuffer.isView(object) && typeof key === 'string' && /^\d+$/.test(key))) continue;
      const flags = `${own.writable ? 'w' : '-'}${own.enumerable ? 'e' : '-'}${own.configurable ? 'c' : '-'}`;
      let value = own.value;
      let how = '';
      if (own.get || own.set) {
        how = ` get ${own.get?.name} set ${own.set?.name}`;
        try { value = Reflect.get(object, key); } catch (error) { lines.push(`${at} ${flags}${how} throws ${error.name} ${error.code} ${error.message}`); continue; }
      }
      const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
      lines.push(`${at} ${flags}${how} ${isObject ? kind(value) : `${typeof value} ${plain(value)}`}`);
      if (isObject) queue.push([at, value]);
    }
  }
}
walk('', globalThis);
walk('process', process);
for (const name of [...new Set([...builtinModules.map((name) => name.replace(/^node:/, '')), 'sqlite', 'test', 'test/reporters', 'sea'])].sort()) {
  const loaded = require(`node:${name}`);
  if ((typeof loaded === 'object' && loaded !== null) || typeof loaded === 'function') walk(`node:${name}`, loaded);
}
lines.push(`modules ${builtinModules.join()}`, `globals ${Object.keys(globalThis).join()}`, `process ${Object.keys(process).filter((key) => !['title'].includes(key)).join()}`);
const bytes = Buffer.from(`${lines.length > 10000}\n${lines.sort().join('\n')}\n`);
for (let at = 0; at < bytes.length;) {
  try { at += require('fs').writeSync(1, bytes, at, Math.min(32768, bytes.length - at)); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
}
process.exit();
