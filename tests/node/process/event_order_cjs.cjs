// nextTick, microtasks, immediates and timers run in Node's order (CommonJS).
const log = (x) => () => console.log(x);
const fs = require('fs');
fs.readFile(__filename, () => {
  console.log('io');
  setTimeout(log('timer from io'), 0);
  setImmediate(log('immediate from io'));
  process.nextTick(log('tick from io'));
  Promise.resolve().then(log('micro from io'));
});
Promise.resolve().then(log('micro 1')).then(log('micro 2'));
process.nextTick(log('tick 1'));
process.nextTick((a, b) => console.log('args', a, b), 1, 2);
(async () => {
  console.log('async start');
  await 0;
  console.log('async after');
})();
console.log('main');
