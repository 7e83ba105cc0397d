// A megabyte goes through a child's stdin and stdout.
const { spawn, spawnSync } = require('child_process');
const crypto = (b) => {
  let h = 0;
  for (const x of b) h = (h * 31 + x) >>> 0;
  return h;
};
const data = Buffer.alloc(1 << 20);
for (let i = 0; i < data.length; i++) data[i] = (i * 13 + (i >> 10)) & 255;
const c = spawn('cat');
const parts = [];
c.stdout.on('data', (d) => parts.push(d));
c.on('close', (code) => {
  const out = Buffer.concat(parts);
  console.log(code, out.length, crypto(out) === crypto(data));
  const s = spawnSync('cat', { input: data, maxBuffer: 1 << 22 });
  console.log(s.status, s.stdout.equals(data));
  const n = spawn(process.execPath, ['-e', 'let n=0;process.stdin.on("data",d=>n+=d.length).on("end",()=>console.log(n))']);
  n.stdout.on('data', (d) => console.log('node counted', String(d).trim()));
  n.stdin.end(data);
  n.on('close', () => {
    const w = spawn('sh', ['-c', 'seq 1 20000 | wc -l']);
    w.stdout.on('data', (d) => console.log(String(d).trim()));
    w.on('close', () => {
      const h = spawn('head', ['-c', '5']);
      let broken, first;
      h.stdin.on('error', (e) => {
        broken = e.code;
      });
      h.stdout.on('data', (d) => {
        first = d;
      });
      h.on('close', () => setTimeout(() => console.log(broken, first), 20));
      h.stdin.write(data);
    });
  });
});
c.stdin.end(data);
