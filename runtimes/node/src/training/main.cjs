'use strict';
// What most programs touch, so that it is compiled already when they do.
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { EventEmitter } = require('node:events');
const { part } = require('./part.cjs');
const { data } = require('./data.json');
require('node:assert');
require('node:child_process');
require('node:crypto');
require('node:http');
require('node:https');
require('node:net');
require('node:os');
require('node:readline');
require('node:stream');
require('node:string_decoder');
require('node:timers/promises');
require('node:tty');
require('node:url');
require('node:worker_threads');
require('node:zlib');

const emitter = new EventEmitter();
emitter.once('event', (value) => console.log('event', value));
emitter.on('event', () => {});
emitter.emit('event', part);

fs.mkdirSync('/lesson/new/deep', { recursive: true });
fs.writeFileSync('/lesson/new/file.txt', 'text');
fs.appendFileSync('/lesson/new/file.txt', 'more');
console.log(fs.readFileSync('/lesson/new/file.txt', 'utf8'), fs.existsSync('/lesson/none'), fs.readdirSync('/lesson').length);
console.log(fs.statSync('/lesson/new').isDirectory(), path.join('a', '..', 'b'), path.basename(__filename), path.resolve('c'));
try {
  fs.readFileSync('/lesson/none');
} catch (error) {
  console.log(error.code);
}
fs.readFile('/lesson/new/file.txt', 'utf8', (error, text) => {
  console.log(error, text);
  fs.rmSync('/lesson/new', { recursive: true });
});
fs.createReadStream('/lesson/new/file.txt').on('data', (chunk) => console.log(chunk.length)).on('end', () => {});

console.log(util.inspect({ a: [1, 'two', { b: null }], c: new Map([[1, new Set([2])]]), d: () => {}, e: /x/ }), util.format('%s %d %j', 'x', 1, data));
console.log(Buffer.from('text').toString('base64'), Buffer.concat([Buffer.alloc(2), Buffer.from([1])]).length, new URL('http://a.b/c?d=e').searchParams.get('d'));
console.error === console.warn;
process.nextTick(() => console.log('tick'));
setImmediate(() => console.log('immediate'));
queueMicrotask(() => console.log('microtask'));
clearTimeout(setTimeout(() => {}, 10));
Promise.resolve(1).then(console.log);
process.on('exit', () => {});
process.stdout.write('done\n');
