// Node starts node: arguments, environment, statuses and nested children.
const { execFileSync, spawnSync, execSync } = require('child_process');
const node = (...a) => execFileSync('node', a, { encoding: 'utf8' });
console.log(node('-p', '1+1'), node('-e', 'console.log(process.argv.slice(1))', 'a', 'b c'), node('--version') === process.version + '\n');
console.log(
  execSync('node -e "process.exit(3)" || echo "status $?"', { encoding: 'utf8' }),
  execSync('echo "console.log(40+2)" | node', { encoding: 'utf8' }),
  execSync('node -p 5 | cat', { encoding: 'utf8' }),
);
console.log(node('-e', 'console.log(require("child_process").execFileSync("sh",["-c","node -p 6*7 | tr 4 X"],{encoding:"utf8"}))'));
console.log(
  spawnSync('node', ['-e', 'console.error("e");process.exit(7)'], { encoding: 'utf8' }).stderr,
  spawnSync('sh', ['-c', 'node -e "throw 1" 2>/dev/null; echo $?'], { encoding: 'utf8' }).stdout,
  spawnSync('sh', ['-c', 'which node >/dev/null && command -v node | sed "s|.*/||"'], { encoding: 'utf8' }).stdout,
);
const results = [];
let left = 4;
for (let i = 0; i < 4; i++)
  require('child_process').execFile('node', ['-p', String(i * i)], (e, o) => {
    results[i] = o.trim();
    if (!--left) console.log(results);
  });
