// A child catches SIGTERM, cleans up and exits with its own status.
const { spawn } = require('child_process');
const c = spawn(process.execPath, [
  '-e',
  'process.on("SIGTERM",()=>{console.log("cleanup");process.exit(12)});console.log("ready");setInterval(()=>{},1000)',
]);
let out = '';
c.stdout.on('data', (d) => {
  out += d;
  if (/ready\n$/.test(out)) c.kill();
});
c.on('close', (code, sig) => console.log(JSON.stringify(out), code, sig, c.killed, c.exitCode, c.signalCode));
