// A node process without a handler dies of SIGTERM, with the right status.
const { spawn } = require('child_process');
for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL', 'SIGUSR2']) {
  const c = spawn(process.execPath, ['-e', 'console.log("up");setInterval(()=>{},1000)']);
  c.stdout.once('data', () => c.kill(s));
  c.on('exit', (code, sig) => {
    res[s] = [code, sig];
    if (Object.keys(res).length === 5) console.log(Object.entries(res).sort());
  });
}
const res = {};
