// timers/promises waits, iterates and aborts.
import { setTimeout as wait, setImmediate as imm, setInterval as every, scheduler } from 'node:timers/promises';
console.log(await wait(1, 'value'), await imm('i'));
let n = 0;
for await (const v of every(1, 'tick')) {
  console.log(v);
  if (++n === 3) break;
}
const ac = new AbortController();
setTimeout(() => ac.abort('reason'), 2);
console.log(await wait(10000, null, { signal: ac.signal }).catch((e) => [e.name, e.code, e.cause]));
console.log(await wait(1, 0, { signal: AbortSignal.abort() }).catch((e) => e.name));
await scheduler.wait(1);
await scheduler.yield();
console.log(await wait('x').catch((e) => e.code), await wait(1, 1, { ref: 'x' }).catch((e) => e.code));
