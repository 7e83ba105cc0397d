// A child in an endless loop is ended by a signal.
const { spawn, spawnSync } = require('child_process');
const c = spawn(process.execPath, ['-e', 'console.log("go");for(;;);']);
c.stdout.once('data', () => c.kill('SIGKILL'));
c.on('close', (...a) => {
  console.log(a);
  const r = spawnSync(process.execPath, ['-e', 'for(;;);'], { timeout: 500 });
  console.log(r.status, r.signal, r.error.code);
});
