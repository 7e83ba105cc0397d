// promisify, callbackify, inherits, deprecate-free odds and ends of util.
import util from 'node:util';
import fs from 'node:fs';
import { exec } from 'node:child_process';
const read = util.promisify(fs.readFile);
console.log(await read('nope').catch((e) => e.code));
const own = (cb) => cb(null, 1, 2);
console.log(
  await util.promisify(own)(),
  await util
    .promisify((cb) => cb(new Error('x')))()
    .catch((e) => e.message),
);
own[util.promisify.custom] = async () => 'custom';
console.log(
  await util.promisify(own)(),
  util.promisify(setTimeout) !== setTimeout,
  await util.promisify(setTimeout)(1, 'v'),
  (await util.promisify(exec)('echo hi')).stdout,
);
util.callbackify(async (a) => a + 1)(1, (e, v) => console.log(e, v));
util.callbackify(async () => {
  throw null;
})((e) => console.log(e.code, e.message));
function A() {}
function B() {}
util.inherits(A, B);
console.log(new A() instanceof B, A.super_ === B);
try {
  util.promisify(5);
} catch (e) {
  console.log(e.code);
}
console.log(
  util.isDeepStrictEqual({ a: [1, { b: NaN }] }, { a: [1, { b: NaN }] }),
  util.isDeepStrictEqual([1], ['1']),
  util.isDeepStrictEqual(new Set([1]), new Set([1])),
  util.types.isPromise(Promise.resolve()),
  util.isArray?.([]),
);
console.log(
  util.getSystemErrorName(-2),
  util.getSystemErrorMap().get(-13),
  util.getSystemErrorMessage?.(-2),
  util.toUSVString('a\ud800'),
  util.aborted.length,
  typeof util.debuglog('x'),
  util.debuglog('x').enabled,
);
await new Promise((r) => setTimeout(r, 5));
console.log(
  util.inspect(util.transferableAbortController().signal.aborted),
  util.getCallSites().length > 0,
  util.diff?.('ab', 'ac'),
  util.parseEnv('A=1\nB="x y"\n#c\nexport C=2'),
);
