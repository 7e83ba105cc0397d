// Clocks and timers that optimised code uses directly go on as they do otherwise.
import { performance } from 'node:perf_hooks';

const ROUNDS = 20_000;
const grows = (name, read) => {
  let last = read();
  let back = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const now = read();
    if (now < last) back++;
    last = now;
  }
  console.log(name, typeof last, back);
};
grows('hrtime', () => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
});
grows('hrtime.bigint', () => process.hrtime.bigint());
grows('performance.now', () => performance.now());
grows('uptime', () => process.uptime());
const apart = process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
const later = process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
console.log('the clocks agree', later - apart < 1_000_000_000n);

let fired = 0;
for (let round = 0; round < ROUNDS; round++) {
  const timer = setTimeout(() => fired++, round % 3);
  if (round % 2) clearTimeout(timer);
  else if (round % 4) timer.unref().ref();
  const immediate = setImmediate(() => fired++);
  if (round % 2) clearImmediate(immediate);
}
setTimeout(() => console.log('fired', fired), 10);
