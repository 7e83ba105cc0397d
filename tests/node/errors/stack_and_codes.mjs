// Stacks have frames; limits, captureStackTrace, prepareStackTrace and codes work.
import fs from 'node:fs';
function outer() {
  return inner();
}
function inner() {
  return new Error('here');
}
const e = outer();
const frames = e.stack
  .split('\n')
  .slice(1)
  .map((l) =>
    l
      .trim()
      .replace(/\(?file:.*\//, '(')
      .replace(/:\d+:\d+\)?/, ''),
  );
console.log(frames.slice(0, 2), frames.length <= 10, e.stack.startsWith('Error: here\n'));
Error.stackTraceLimit = 1;
console.log(outer().stack.split('\n').length);
Error.stackTraceLimit = 10;
const o = {};
Error.captureStackTrace(o, outer);
console.log(typeof o.stack);
const old = Error.prepareStackTrace;
Error.prepareStackTrace = (er, cs) => cs.map((c) => [c.getFunctionName(), c.getLineNumber() > 0, typeof c.getFileName()]);
console.log(outer().stack[0]);
Error.prepareStackTrace = old;
try {
  fs.readFileSync(5.5);
} catch (er) {
  console.log(er.name, er.code, er instanceof TypeError || er instanceof RangeError, er.stack.split('\n')[0]);
}
try {
  null.x;
} catch (er) {
  console.log(er.message);
}
try {
  undefinedThing;
} catch (er) {
  console.log(er.name, er.message);
}
try {
  JSON.parse('{bad');
} catch (er) {
  console.log(er.name, er.message);
}
try {
  (function f() {
    f();
  })();
} catch (er) {
  console.log(er.name, er.message);
}
try {
  new Array(-1);
} catch (er) {
  console.log(er.name, er.message);
}
const ag = await Promise.any([Promise.reject(1), Promise.reject(new Error('two'))]).catch((x) => x);
console.log(ag.name, ag.message, ag.errors.length);
console.log(
  new Error('a', { cause: 'c' }).cause,
  'cause' in new Error('a'),
  Error.isError?.(new Error()),
  (await Promise.allSettled([1, Promise.reject(2)])).map((x) => x.status),
  await Promise.race([new Promise(() => {}), 5]),
  Promise.withResolvers !== undefined,
  await Promise.try(() => 7),
);
