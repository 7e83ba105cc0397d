// AsyncLocalStorage follows every kind of callback.
import { AsyncLocalStorage, AsyncResource, executionAsyncId, createHook } from 'node:async_hooks';
import fs from 'node:fs';
import { EventEmitter } from 'node:events';
import { execFile } from 'node:child_process';
const s = new AsyncLocalStorage();
const log = (n) => console.log(n, s.getStore());
await s.run({ id: 1 }, async () => {
  log('sync');
  await null;
  log('await');
  await new Promise((r) =>
    setTimeout(() => {
      log('timeout');
      r();
    }, 1),
  );
  await new Promise((r) =>
    setImmediate(() => {
      log('immediate');
      r();
    }),
  );
  await new Promise((r) =>
    process.nextTick(() => {
      log('tick');
      r();
    }),
  );
  queueMicrotask(() => log('microtask'));
  await new Promise((r) =>
    fs.stat('.', () => {
      log('fs');
      r();
    }),
  );
  await fs.promises.stat('.');
  log('fs promise');
  await new Promise((r) =>
    execFile('true', () => {
      log('child');
      r();
    }),
  );
  s.run({ id: 2 }, () => log('nested'));
  log('after nested');
  s.exit(() => log('exit'));
});
log('outside');
const bound = s.run('bound', () => AsyncLocalStorage.bind(() => s.getStore()));
console.log(
  bound(),
  s.run('snap', () => AsyncLocalStorage.snapshot())(() => s.getStore()),
);
const e = new EventEmitter();
s.run('listener', () => e.on('x', () => log('emit')));
s.run('emitter', () => e.emit('x'));
const res = s.run('res', () => new AsyncResource('MY'));
res.runInAsyncScope(() => log('resource'));
s.enterWith('entered');
log('entered');
await null;
log('still');
console.log(executionAsyncId() >= 0, typeof createHook({}).enable, new AsyncLocalStorage({ defaultValue: 'def', name: 'n' }).getStore());
const p = s.run('p', () => Promise.resolve());
await s.run('then', () => p.then(() => log('then')));
