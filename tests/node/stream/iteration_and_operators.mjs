// Readable.from, async iteration, and the map, filter, take operators.
import { Readable } from 'node:stream';
import { text, json, buffer, arrayBuffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
const nums = () => Readable.from([1, 2, 3, 4, 5, 6]);
console.log(
  await nums()
    .map((x) => x * 2)
    .filter((x) => x % 4 === 0)
    .toArray(),
  await nums().take(2).toArray(),
  await nums().drop(4).toArray(),
  await nums().reduce((a, b) => a + b, 0),
  await nums().some((x) => x > 5),
  await nums().every((x) => x > 5),
  await nums().find((x) => x > 3),
  await nums()
    .flatMap((x) => [x, -x])
    .take(4)
    .toArray(),
);
await nums().forEach((x) => x === 6 && console.log('forEach', x));
console.log(
  await nums()
    .map(
      async (x) => {
        await sleep(6 - x);
        return x;
      },
      { concurrency: 3 },
    )
    .toArray(),
);
const r = nums();
for await (const x of r) {
  if (x === 2) break;
}
console.log(r.destroyed);
const it = nums().iterator({ destroyOnReturn: false });
console.log((await it.next()).value);
await it.return();
try {
  for await (const x of Readable.from(
    (async function* () {
      yield 1;
      throw new Error('gen error');
    })(),
  ))
    console.log(x);
} catch (e) {
  console.log(e.message);
}
console.log(
  await text(Readable.from(['a', 'é'])),
  await json(Readable.from(['{"a":', '1}'])),
  await buffer(Readable.from([Buffer.from('x')])),
  (await arrayBuffer(Readable.from([Buffer.from('xy')]))).byteLength,
);
console.log(
  await Readable.from(new Map([[1, 2]])).toArray(),
  await Readable.from('whole string').toArray(),
  await Readable.from(Buffer.from('b')).toArray(),
);
try {
  Readable.from(5);
} catch (e) {
  console.log(e.code);
}
