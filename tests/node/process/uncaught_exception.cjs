// Handlers of uncaughtException keep the process alive.
process.on('uncaughtExceptionMonitor', (e, origin) => console.log('monitor', e.message, origin));
process.on('uncaughtException', (e, origin) => console.log('caught', e.message, origin));
setTimeout(() => {
  throw new Error('from timer');
}, 1);
process.nextTick(() => {
  throw new Error('from tick');
});
setImmediate(() => {
  throw new Error('from immediate');
});
Promise.reject(new Error('from promise'));
queueMicrotask(() => {
  throw new Error('from microtask');
});
setImmediate(() => setTimeout(() => console.log('still alive'), 1)); // after the immediate that throws
for (const until = Date.now() + 5; Date.now() < until; ); // so that the timer is due when the loop starts
throw new Error('from main');
