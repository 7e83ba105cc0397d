// nextTick, microtasks, immediates and timers run in Node's order (ES module).
const log = (x) => () => console.log(x);
setTimeout(log('timeout 0'), 0);
setImmediate(() => {
  console.log('immediate');
  process.nextTick(log('tick in immediate'));
  Promise.resolve().then(log('micro in immediate'));
  setImmediate(log('second immediate'));
});
process.nextTick(() => {
  console.log('tick');
  process.nextTick(log('nested tick'));
  Promise.resolve().then(log('micro in tick'));
});
Promise.resolve().then(() => {
  console.log('micro');
  process.nextTick(log('tick in micro'));
  queueMicrotask(log('nested micro'));
});
queueMicrotask(log('queued'));
await null;
for (const until = Date.now() + 5; Date.now() < until; ); // so that the timer is due when the loop starts
console.log('after await');
setTimeout(() => {
  console.log('timeout 60');
}, 60);
