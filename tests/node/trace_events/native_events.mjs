// A trace has what native code does: file operations, connections, work off the thread, async resources, calls into JavaScript.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function trace(categories, code) {
  const { status, stderr } = spawnSync(process.execPath, ['--trace-event-categories', categories, '-e', code], { encoding: 'utf8' });
  if (status !== 0) console.log(status, stderr);
  return JSON.parse(readFileSync('node_trace.1.log', 'utf8')).traceEvents;
}

const show = (events, names) => {
  for (const { ph, cat, name, args } of events.filter(({ name }) => names.includes(name))) {
    console.log(ph, cat, name, ph === 'b' ? args : '');
  }
};
show(trace('node.fs.sync', "fs.mkdirSync('d'); fs.rmdirSync('d')"), ['fs.sync.mkdir', 'fs.sync.rmdir']);
show(trace('node.fs.async', "fs.mkdirSync('d'); fs.access('d', () => fs.rmdir('d', () => {}))"), ['access', 'rmdir', 'fs.sync.mkdir']);
show(trace('node.fs_dir.async', "fs.opendir('.', (error, dir) => dir.close(() => {}))"), ['opendir', 'closedir']);
const connects = trace('node.net.native', "net.connect('missing').on('error', () => {}); net.connect('\\0missing').on('error', () => {})");
console.log(connects.filter(({ name }) => name === 'connect').map(({ ph, args }) => [ph, args]));
show(trace('node.async_hooks', "fs.stat('.', () => {})").map((event) => ({ ...event, args: '' })),
  ['FSREQCALLBACK', 'FSREQCALLBACK_CALLBACK']);

const work = trace('node.threadpoolwork.sync,node.threadpoolwork.async',
  "crypto.hkdf('sha512', 'key', 'salt', 'info', 64, () => {}); zlib.deflate('hello', () => {})");
for (const name of ['crypto', 'zlib']) {
  console.log(name, ...new Set(work.filter((event) => event.name === name).map(({ ph, cat }) => `${ph} ${cat}`)));
}
const calls = trace('v8', 'setTimeout(() => {}, 1)').filter(({ cat, name }) => cat === 'v8' && name.startsWith('V8.'));
console.log(calls.length > 0);

const threads = trace('node.async_hooks',
  "new worker_threads.Worker('setTimeout(() => {}, 1)', { eval: true }).on('exit', () => setTimeout(() => {}, 1))");
console.log(new Set(threads.filter(({ name }) => name === 'Timeout').map(({ tid }) => tid)).size);
