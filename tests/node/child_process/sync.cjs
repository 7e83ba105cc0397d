// spawnSync, execSync and execFileSync with their options and errors.
const cp = require('child_process');
const t = (name, f) => {
  try {
    const r = f();
    console.log(name, typeof r === 'string' ? JSON.stringify(r) : r);
  } catch (e) {
    console.log(
      name,
      e.code,
      e.message,
      e.status,
      e.signal,
      e.stdout && String(e.stdout).slice(0, 20),
      e.stderr && String(e.stderr),
      e.pid > 0,
    );
  }
};
t('execSync', () => cp.execSync('echo hi'));
t('utf8', () => cp.execSync('echo hi', { encoding: 'utf8' }));
t('fail', () => cp.execSync('echo o; echo e >&2; exit 2', { stdio: 'pipe' }));
t('input', () => cp.execSync('tr a-z A-Z', { input: 'upper', encoding: 'utf8' }));
t('file', () => cp.execFileSync('sh', ['-c', 'echo "[$1]"', 'x', 'a b'], { encoding: 'utf8' }));
t('enoent', () => cp.execFileSync('nonesuch_program_x', ['a']));
t('cwd env', () => cp.execFileSync('sh', ['-c', 'pwd; echo $A'], { cwd: '/', env: { A: 'a', PATH: process.env.PATH }, encoding: 'utf8' }));
t('timeout', () => cp.execFileSync('sleep', ['10'], { timeout: 50 }));
t('maxBuffer', () => cp.execFileSync('seq', ['100000'], { maxBuffer: 100 }).length);
t('killed', () => cp.execSync('kill -9 $$', { stdio: 'pipe' }));
t('badcwd', () => cp.execFileSync('true', { cwd: 'no/where' }));
const r = cp.spawnSync('sh', ['-c', 'cat; echo err >&2; exit 6'], { input: 'in' });
console.log(Object.keys(r), r.status, r.signal, String(r.stdout), String(r.stderr), r.pid > 0, r.output.length);
const e = cp.spawnSync('nonesuch_program_x', ['q']);
console.log(e.error.code, e.error.errno, e.error.syscall, e.error.path, e.error.spawnargs, e.status, e.stdout, e.pid);
const k = cp.spawnSync('sleep', ['10'], { timeout: 30, killSignal: 'SIGKILL' });
console.log(k.error.code, k.signal, k.status);
console.log(
  cp.spawnSync('echo $X', { shell: true, env: { ...process.env, X: 'sh' }, encoding: 'utf8' }).stdout,
  cp.spawnSync('cat', { input: new Uint8Array([104, 105]), encoding: 'latin1' }).stdout,
  cp.spawnSync('echo', ['a', 'b'], { stdio: 'inherit' }).stdout,
  cp.spawnSync('true').status,
);
for (const bad of [
  [5],
  [''],
  ['true', 'args'],
  ['true', [], { timeout: -1 }],
  ['true', [], { cwd: 5 }],
  ['true', ['a\0b']],
  ['true', [], { input: 5 }],
  ['true', [], { killSignal: 'SIGZZ' }],
  ['true', [], { env: { 'a\0': '1' } }],
])
  try {
    cp.spawnSync(...bad);
    console.log('no error');
  } catch (x) {
    console.log(x.code, x.message);
  }
for (let i = 0; i < 5; i++) process.stdout.write(cp.execSync('echo ' + i));
