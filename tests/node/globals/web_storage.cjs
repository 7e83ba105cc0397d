// Web storage: pairs of texts, kept in a file between processes, up to a quota.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'storage-'));
const run = (program, file = 'a.db') => {
  const { status, stdout, stderr } = spawnSync(process.execPath,
    ['--no-warnings', '--experimental-webstorage', `--localstorage-file=${path.join(directory, file)}`, '-e', `(${program})()`], { encoding: 'utf8' });
  console.log(status, stdout, stderr.split('\n').find((line) => line.includes('Error')) ?? '');
};
run(() => {
  sessionStorage.foo = 'bar'; sessionStorage[0] = 'zero'; sessionStorage.setItem('ü', '€');
  console.log(sessionStorage.length, sessionStorage.foo, sessionStorage.getItem('0'), sessionStorage['ü'], Object.keys(sessionStorage).sort());
  console.log('foo' in sessionStorage, delete sessionStorage.foo, sessionStorage.foo, sessionStorage.getItem('foo'), sessionStorage.key(-1), typeof sessionStorage.key(0));
  sessionStorage.getItem('x'); sessionStorage.other = 5;
  console.log(sessionStorage.other, sessionStorage.clear(), sessionStorage.length);
  const symbol = Symbol('x'); sessionStorage[symbol] = 7;
  console.log(sessionStorage[symbol], sessionStorage.length);
  for (const wrong of [() => sessionStorage.getItem(), () => sessionStorage.setItem('a'), () => new Storage()]) {
    try { wrong(); } catch (error) { console.log(error.name, error.code, error.message); }
  }
});
for (let times = 0; times < 2; times++) {
  run(() => { localStorage.count = Number(localStorage.count ?? 0) + 1; console.log(localStorage.count, localStorage instanceof Storage, localStorage === globalThis.localStorage); });
}
run(() => { localStorage.full = 'x'.repeat(5 << 20); }, 'full.db');
run(() => { console.log(localStorage.length); }, 'full.db');
console.log(fs.readdirSync(directory).sort());
