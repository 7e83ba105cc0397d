// exec and execFile buffer output and pass errors to callbacks.
const { exec, execFile } = require('child_process');
const { promisify } = require('util');
const show = (name) => (e, out, err) =>
  console.log(
    name,
    e && { msg: e.message, code: e.code, killed: e.killed, signal: e.signal, cmd: e.cmd },
    JSON.stringify(out),
    JSON.stringify(err),
  );
const run = (name, f, ...a) =>
  new Promise((r) =>
    f(...a, (...x) => {
      show(name)(...x);
      r();
    }),
  );
(async () => {
  await run('ok', exec, 'echo hi; echo err >&2');
  await run('fail', exec, 'echo some; exit 5');
  await run('nocmd', exec, 'nonesuch_program_x 2>/dev/null');
  await run('cwd', exec, 'pwd | sed "s|.*/||"; echo $V', { cwd: '/dev', env: { ...process.env, V: 'v' } });
  await run('buffer', exec, 'printf "\\377"', { encoding: 'buffer' });
  await run('hex', exec, 'printf hi', { encoding: 'hex' });
  await run('maxBuffer', exec, 'echo 1234567890', { maxBuffer: 5 });
  await run('timeout', exec, 'exec sleep 10', { timeout: 50 });
  await run('file', execFile, 'sh', ['-c', 'echo "$1"', 'sh', 'a b']);
  await run('enoent', execFile, 'nonesuch_program_x', ['p']);
  await run('file fail', execFile, 'false', []);
  await run('shell', exec, 'echo $0 | sed "s|.*/||"', { shell: '/bin/bash' });
  console.log(await promisify(exec)('echo p'), await promisify(execFile)('sh', ['-c', 'exit 9']).catch((e) => [e.code, e.cmd, e.stdout]));
  const ac = new AbortController();
  const p = promisify(exec)('sleep 10', { signal: ac.signal }).catch((e) => [e.name, e.code]);
  ac.abort();
  console.log(await p);
  const c = exec('cat', (e, o) => console.log('stdin', o));
  c.stdin.end('given');
})();
