// MIMEType, styleText and debuglog.
import util from 'node:util';
import { spawnSync } from 'node:child_process';
const m = new util.MIMEType('text/html; charset=utf-8;q="a b"');
console.log(m.type, m.subtype, m.essence, m.params.get('charset'), String(m), [...m.params]);
m.params.set('x', 'y z');
m.type = 'application';
console.log(`${m}`);
try {
  new util.MIMEType('bad');
} catch (e) {
  console.log(e.code, e.message);
}
for (const st of ['bold', 'red', 'bgBlue', ['italic', 'green']])
  console.log(JSON.stringify(util.styleText(st, 'x', { validateStream: false })));
try {
  util.styleText('nope', 'x');
} catch (e) {
  console.log(e.code, e.message.slice(0, 60));
}
const r = spawnSync(process.execPath, ['-e', 'require("util").debuglog("foo")("hello %d",42);require("util").debuglog("bar")("no")'], {
  encoding: 'utf8',
  env: { ...process.env, NODE_DEBUG: 'foo' },
});
console.log(r.stderr.replace(/\d+:/, 'PID:'));
