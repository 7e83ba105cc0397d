// Errors are shown with name, message, properties, cause and aggregated errors.
import { inspect } from 'node:util';
const strip = (e, o) =>
  inspect(e, o)
    .replace(/\n\s+at [^\n]*?( \{)?(?=\n|$)/g, (_, b) => b ?? '')
    .replace(/\n\s+at .*/g, '');
console.log(strip(new Error('plain')));
console.log(strip(new TypeError('typed')));
console.log(strip(new Error('')));
console.log(strip(Object.assign(new Error('props'), { code: 'E_X', extra: { a: 1 } })));
console.log(strip(new Error('outer', { cause: new RangeError('inner') })));
console.log(strip(new Error('outer', { cause: 'string cause' })));
console.log(strip(new AggregateError([new Error('one'), 2], 'many')));
class MyError extends Error {
  name = 'Custom';
}
console.log(strip(new MyError('mine')));
class Other extends Error {}
console.log(strip(new Other('o')));
const noStack = new Error('nostack');
noStack.stack = undefined;
console.log(inspect(noStack));
const e2 = new Error('m');
e2.stack = 'just this';
console.log(inspect(e2));
console.log(inspect({ e: e2 }));
const e3 = new Error('renamed');
e3.name = 'Renamed';
console.log(strip(e3));
console.log(inspect(new DOMException('dom', 'AbortError')).split('\n')[0]);
const frozen = new Error('multi\nline');
console.log(strip(frozen));
console.log(Object.prototype.toString.call(frozen), String(frozen), `${new MyError('t')}`);
