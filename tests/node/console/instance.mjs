// A Console writes to the streams it was given.
import { Console } from 'node:console';
import { Writable } from 'node:stream';
const sink = (name) =>
  new Writable({
    write(chunk, _enc, cb) {
      lines.push(`${name}:${chunk}`);
      cb();
    },
  });
const lines = [];
const c = new Console({ stdout: sink('out'), stderr: sink('err'), inspectOptions: { depth: 1 }, groupIndentation: 4 });
c.log({ a: { b: { c: 1 } } });
c.error('bad');
c.group('g');
c.log('in');
c.groupEnd();
console.log(lines);
console.log(typeof console.Console, c instanceof Console, console instanceof Console);
try {
  new Console({});
} catch (e) {
  console.log(e.code, e.message);
}
