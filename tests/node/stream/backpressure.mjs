// A slow writer holds a fast reader back.
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
let made = 0,
  taken = 0,
  most = 0;
const fast = new Readable({
  highWaterMark: 4,
  objectMode: true,
  read() {
    made++;
    this.push(made <= 100 ? made : null);
  },
});
const slow = new Writable({
  highWaterMark: 2,
  objectMode: true,
  write(c, e, cb) {
    taken++;
    most = Math.max(most, made - taken);
    setImmediate(cb);
  },
});
await pipeline(fast, slow);
console.log(made, taken, most <= 8);
