// A detached child leads its own session; an unref'd one does not hold the parent.
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const c = spawn('sh', ['-c', 'sleep 0.3; echo done >mark'], { detached: true, stdio: 'ignore' });
c.unref();
console.log(c.pid > 0);
const r = spawnSync(
  process.execPath,
  ['-e', 'const c=require("child_process").spawn("sleep",["5"],{stdio:"ignore"});c.unref();console.log("parent ends")'],
  { encoding: 'utf8', timeout: 4000 },
);
console.log(JSON.stringify(r.stdout), r.status);
const g = spawn('sh', ['-c', 'sleep 30 & sleep 30'], { detached: true });
setTimeout(() => {
  process.kill(-g.pid, 'SIGTERM');
}, 50);
g.on('close', (code, sig) => {
  console.log('group', code, sig);
  const wait = () =>
    fs.existsSync('mark') && fs.readFileSync('mark', 'utf8') ? console.log(fs.readFileSync('mark', 'utf8')) : setTimeout(wait, 20);
  wait();
});
