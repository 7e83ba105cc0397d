const { spawnSync } = require('child_process');
const ended = spawnSync('sh', ['-c', `"${process.execPath}" -e 'process.stdout.on("error", (e) => { process.exitCode = 5; console.error(e.code, e.syscall); }); const t = setInterval(() => process.stdout.write("x".repeat(65536), (e) => { if (e) clearInterval(t); }), 1)' | true; echo "$?"`], { encoding: 'utf8' });
console.log(ended.status, ended.stdout, [...new Set(ended.stderr.split('\n'))].join());
