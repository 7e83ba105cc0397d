const rl = require('readline').createInterface({ input: process.stdin });
const ops = { add: (...a) => a.reduce((x, y) => x + y), upper: (s) => s.toUpperCase() };
rl.on('line', (l) => {
  const { op, args } = JSON.parse(l);
  console.log(JSON.stringify(ops[op] ? { result: ops[op](...args) } : { error: `no ${op}` }));
});
rl.on('close', () => {
  process.exitCode = 3;
});
