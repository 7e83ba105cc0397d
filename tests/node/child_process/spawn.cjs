// spawn streams output, gives statuses, signals and errors in order.
const { spawn } = require('child_process');
const show = (name, c) =>
  new Promise((res) => {
    const ev = [];
    let out = '',
      err = '';
    c.stdout?.on('data', (d) => (out += d));
    c.stderr?.on('data', (d) => (err += d));
    for (const e of ['spawn', 'exit', 'close', 'error', 'disconnect'])
      c.on(e, (...a) => {
        ev.push(
          e + ':' + a.map((x) => (x instanceof Error ? `${x.code} ${x.message} ${x.syscall} ${x.path} ${x.spawnargs}` : x)).join(','),
        );
        if (e === 'close')
          setImmediate(() => {
            console.log(name, ev.join(' '), JSON.stringify(out), JSON.stringify(err));
            res(c);
          });
      });
  });
(async () => {
  const c = await show('echo', spawn('sh', ['-c', 'echo out; echo err >&2; exit 3']));
  console.log(c.exitCode, c.signalCode, c.spawnfile, c.spawnargs, c.pid > 0, c.killed, c.connected);
  await show('true', spawn('true'));
  await show('false', spawn('false'));
  await show('missing', spawn('no-such-program', ['a']));
  await show('notexec', spawn('./spawn.cjs'));
  await show('badcwd', spawn('true', { cwd: 'no/dir' }));
  await show('shell', spawn('echo $X "a  b"; exit 4', { shell: true, env: { ...process.env, X: 'env' } }));
  await show('shell args', spawn('echo', ['$HOME', 'x'], { shell: true, env: { PATH: process.env.PATH, HOME: 'H' } }));
  await show(
    'signal',
    (() => {
      const k = spawn('sleep', ['10']);
      setTimeout(() => k.kill(), 20);
      return k;
    })(),
  );
  await show(
    'kill9',
    (() => {
      const k = spawn('sleep', ['10']);
      k.on('spawn', () => k.kill('SIGKILL'));
      return k;
    })(),
  );
  await show('argv0', spawn('sh', ['-c', 'echo $0'], { argv0: 'custom' }));
  await show('timeout', spawn('sleep', ['10'], { timeout: 30, killSignal: 'SIGINT' }));
  const ac = new AbortController();
  const p = show('abort', spawn('sleep', ['10'], { signal: ac.signal }));
  ac.abort();
  await p;
  const dead = spawn('true');
  await new Promise((r) => dead.on('close', r));
  console.log(dead.kill(), dead.killed);
})();
