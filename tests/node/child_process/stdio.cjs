// stdio: pipes, ignore, inherit, descriptors, streams and extra pipes.
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
(async () => {
  const done = (c) => new Promise((r) => c.on('close', r));
  const c = spawn('cat');
  let got = '';
  c.stdout.on('data', (d) => (got += d));
  c.stdin.write('hello ');
  c.stdin.end('cat');
  await done(c);
  console.log(got);
  const ig = spawn('sh', ['-c', 'read x; echo "$?[$x]"'], { stdio: ['ignore', 'pipe', 'ignore'] });
  console.log(ig.stdin, ig.stderr, ig.stdio.length);
  ig.stdout.on('data', (d) => console.log(String(d)));
  await done(ig);
  fs.writeFileSync('in', 'from file\n');
  const i = fs.openSync('in'),
    o = fs.openSync('out', 'w');
  await done(spawn('sh', ['-c', 'cat; echo e >&2'], { stdio: [i, o, o] }));
  fs.closeSync(i);
  fs.closeSync(o);
  console.log(JSON.stringify(fs.readFileSync('out', 'utf8')));
  console.log('before');
  await done(spawn('echo', ['inherited'], { stdio: 'inherit' }));
  console.log('after');
  const ex = spawn('sh', ['-c', 'echo three >&3; cat <&4'], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'] });
  const heard = {};
  ex.stdout.on('data', (d) => (heard.stdout = String(d)));
  ex.stdio[3].on('data', (d) => (heard.three = String(d)));
  ex.stdio[4].end('to four\n');
  await done(ex);
  console.log(heard.stdout, heard.three);
  const ws = fs.createWriteStream('ws');
  await new Promise((r) => ws.on('open', r));
  await done(spawn('echo', ['to stream'], { stdio: ['ignore', ws, 'ignore'] }));
  console.log(fs.readFileSync('ws', 'utf8'));
  const first = spawn('echo', ['chained']);
  const second = spawn('tr', ['a-z', 'A-Z'], { stdio: [first.stdout, 'pipe', 'inherit'] });
  second.stdout.on('data', (d) => console.log(String(d)));
  await done(second);
  console.log(
    spawnSync('sh', ['-c', 'echo five >&5'], { stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe'] }).output.map(
      (x) => x && String(x),
    ),
  );
  for (const bad of ['zz', ['pipe', 'zz'], 5])
    try {
      spawn('true', { stdio: bad });
    } catch (e) {
      console.log(e.code);
    }
})();
