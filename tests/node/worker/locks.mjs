// navigator.locks: exclusive and shared locks, ifAvailable, steal, and locks over threads.
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';

const { locks } = navigator;
const order = [];
const first = locks.request('a', async (lock) => {
  order.push(`${lock.name} ${lock.mode}`);
  await new Promise((resolve) => setTimeout(resolve, 5));
  order.push('first done');
  return 1;
});
const second = locks.request('a', () => { order.push('second'); return 2; });
const busy = locks.request('a', { ifAvailable: true }, (lock) => lock);
console.log(await Promise.all([first, second, busy]), order);

const shared = await Promise.all([1, 2].map((n) => locks.request('s', { mode: 'shared' }, async (lock) => {
  const { held } = await locks.query();
  return held.filter(({ name }) => name === 's').length >= 1 && lock.mode;
})));
console.log(shared);

const held = locks.request('b', () => new Promise(() => {}));
held.catch((e) => console.log(e.name));
console.log(await locks.request('b', { steal: true }, () => 'stolen'));
await locks.request('c', () => { throw new TypeError('mine'); }).catch((e) => console.log(e.name, e.message));

const worker = new Worker("const { parentPort } = require('worker_threads'); navigator.locks.request('t', async () => { parentPort.postMessage('held'); await new Promise((r) => setTimeout(r, 20)); parentPort.postMessage('released'); });", { eval: true });
const heard = [];
worker.on('message', (m) => heard.push(m));
await once(worker, 'message');
await locks.request('t', () => heard.push('main'));
await once(worker, 'exit');
console.log(heard[0], heard.includes('main'), heard.length);
