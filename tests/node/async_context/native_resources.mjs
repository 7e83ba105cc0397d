// What hooks hear of handles and requests: each is made, called between `before` and `after`, and destroyed once; triggered by what made it.
import { createHook, executionAsyncResource } from 'node:async_hooks';
import fs from 'node:fs';
import net from 'node:net';
import { pbkdf2 } from 'node:crypto';
import { lookup } from 'node:dns';

const KINDS = new Set(['FSREQCALLBACK', 'TCPSERVERWRAP', 'TCPWRAP', 'TCPCONNECTWRAP', 'SHUTDOWNWRAP', 'PBKDF2REQUEST', 'GETADDRINFOREQWRAP', 'SIGNALWRAP']);
const seen = new Map();
const hook = createHook({
  init(id, type, trigger) {
    if (KINDS.has(type)) seen.set(id, { type, trigger, before: 0, after: 0, destroy: 0 });
  },
  before(id) { const one = seen.get(id); if (one) one.before++; },
  after(id) { const one = seen.get(id); if (one) one.after++; },
  destroy(id) { const one = seen.get(id); if (one) one.destroy++; },
}).enable();

console.log(typeof executionAsyncResource());
fs.access('/', () => {});
pbkdf2('a', 'b', 1, 8, 'sha1', () => {});
lookup('localhost', () => {});
const listener = () => {};
process.on('SIGUSR2', listener);
setImmediate(() => process.removeListener('SIGUSR2', listener));
const server = net.createServer((socket) => { socket.resume(); socket.on('end', () => server.close()); }).listen(0, '127.0.0.1', () => {
  net.connect(server.address().port, '127.0.0.1', function() { this.end(); });
});
process.on('exit', () => {
  hook.disable();
  const typeOf = (id) => seen.get(id)?.type ?? 'other';
  const lines = [...seen.values()].map((one) => `${one.type} by ${typeOf(one.trigger)} ${one.before > 0} ${one.before === one.after} ${one.destroy}`);
  console.log(lines.sort().join('\n'));
});
