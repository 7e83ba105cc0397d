// Threads run at the same time: two that only go on when the other moves, one that waits while others work, busy ones that are ended.
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';

// Ping-pong without ever giving up the processor.
const turns = new Int32Array(new SharedArrayBuffer(8));
const player = `
  const { workerData: [turns, own], parentPort } = require('worker_threads');
  for (let round = 0; round < 2000; round++) {
    while (Atomics.load(turns, 0) !== own);
    Atomics.add(turns, 1, 1);
    Atomics.store(turns, 0, 1 - own);
  }
  parentPort.postMessage('played');`;
const players = [0, 1].map((own) => new Worker(player, { eval: true, workerData: [turns, own] }));
console.log(await Promise.all(players.map(async (worker) => (await once(worker, 'message'))[0])), turns[1]);

// A thread in Atomics.wait stops neither this one nor another worker.
const gate = new Int32Array(new SharedArrayBuffer(8));
const waiter = new Worker(`
  const { workerData: gate, parentPort } = require('worker_threads');
  Atomics.store(gate, 1, 1);
  parentPort.postMessage(Atomics.wait(gate, 0, 0));`, { eval: true, workerData: gate });
const waited = once(waiter, 'message');
while (Atomics.load(gate, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
let ticks = 0;
const interval = setInterval(() => ticks++, 1);
const busy = new Worker("let sum = 0; for (let i = 0; i < 1e6; i++) sum += i; require('worker_threads').parentPort.postMessage(sum);", { eval: true });
console.log((await once(busy, 'message'))[0]);
while (ticks < 3) await new Promise((resolve) => setTimeout(resolve, 1));
clearInterval(interval);
Atomics.store(gate, 0, 1);
Atomics.notify(gate, 0);
console.log((await waited)[0]);

// Busy in code, in microtasks, in a regular expression, in catch and finally.
for (const code of [
  'for (;;);',
  'const again = () => Promise.resolve().then(again); again();',
  "/^(a+)+$/.test('a'.repeat(60) + 'b')",
  'for (;;) { try { for (;;); } catch {} finally { for (;;); } }',
]) {
  const worker = new Worker(`require('worker_threads').parentPort.postMessage('busy'); setImmediate(() => { ${code} });`, { eval: true });
  await once(worker, 'message');
  console.log(await worker.terminate());
}
