// EventEmitter adds, removes, orders and reports listeners.
import EventEmitter, { once, on, getEventListeners, listenerCount, errorMonitor, captureRejectionSymbol } from 'node:events';
const e = new EventEmitter();
e.on('newListener', (n) => n !== 'newListener' && console.log('new', n));
e.on('removeListener', (n) => console.log('removed', n));
const f = (...a) => console.log('f', ...a, 'this'.length);
e.on('x', f);
e.prependListener('x', () => console.log('first'));
e.once('x', () => console.log('once'));
console.log(e.emit('x', 1, 2), e.emit('x'), e.emit('nobody'), e.listenerCount('x'), e.eventNames(), e.rawListeners('x').length);
e.off('x', f);
console.log(e.listenerCount('x'));
e.removeAllListeners('x');
try {
  e.emit('error', new Error('boom'));
} catch (er) {
  console.log(er.message);
}
try {
  e.emit('error', { not: 'error' });
} catch (er) {
  console.log(er.code, er.message, er.context);
}
e.on(errorMonitor, (er) => console.log('monitor', er.message));
e.on('error', (er) => console.log('handled', er.message));
e.emit('error', new Error('again'));
setTimeout(() => e.emit('later', 'v'), 1);
console.log(await once(e, 'later'));
setTimeout(() => e.emit('error', new Error('rejects')), 1);
console.log(await once(e, 'later2').catch((er) => er.message));
setTimeout(() => {
  e.emit('tick', 1);
  e.emit('tick', 2);
  e.emit('stop');
}, 1);
for await (const [v] of on(e, 'tick', { close: ['stop'] })) console.log('tick', v);
console.log(
  getEventListeners(e, 'error').length,
  listenerCount(e, 'error'),
  EventEmitter.defaultMaxListeners,
  e.getMaxListeners(),
  e.setMaxListeners(1) === e,
);
try {
  e.on('x', 5);
} catch (er) {
  console.log(er.code, er.message);
}
const c = new EventEmitter({ captureRejections: true });
c.on('a', async () => {
  throw new Error('async');
});
c.on('error', (er) => console.log('captured', er.message));
c.emit('a');
c[captureRejectionSymbol] = (er, n) => console.log('symbol', er.message, n);
c.emit('a');
await 0;
const ac = new AbortController();
setTimeout(() => ac.abort(), 1);
console.log(await once(e, 'never', { signal: ac.signal }).catch((er) => er.name));
console.log(e);
