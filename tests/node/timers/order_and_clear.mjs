// Timers fire in order of time and creation, and can be cleared, refreshed and repeated.
import { promisify } from 'node:util';
const log = [];
setTimeout(() => log.push('c'), 30);
setTimeout(() => log.push('a'), 5);
setTimeout(() => log.push('a2'), 5);
setTimeout(() => log.push('b'), 15);
const dead = setTimeout(() => log.push('never'), 1);
clearTimeout(dead);
clearTimeout(undefined);
clearTimeout({});
clearTimeout(+setTimeout(() => log.push('never'), 1));
let n = 0;
const iv = setInterval(
  (x) => {
    log.push(x + n);
    if (++n === 3) clearInterval(iv);
  },
  2,
  'i',
);
const im = setImmediate(() => log.push('never'));
clearImmediate(im);
await promisify(setTimeout)(60);
console.log(
  log.filter((x) => x[0] === 'i'),
  log.filter((x) => x[0] !== 'i'),
);
const t = setTimeout(() => {}, 1000);
console.log(
  t.hasRef(),
  t.unref().hasRef(),
  t.ref() === t,
  typeof t[Symbol.toPrimitive](),
  t.constructor.name,
  dead._destroyed,
  t.refresh() === t,
);
t.close();
setTimeout((...a) => console.log(a), 1, 1, 'two', null);
setImmediate((...a) => console.log('imm', a), 1);
for (const bad of [undefined, 'x', 5])
  try {
    setTimeout(bad);
  } catch (e) {
    console.log(e.code, e.message);
  }
{
  using u = setTimeout(() => console.log('never'), 1);
}
setTimeout(() => console.log('long'), -5);
const s = Date.now();
await new Promise((r) => setTimeout(r, 50));
const d = Date.now() - s;
console.log(d >= 49 && d < 1000);
