// A whole program: a parent talks line by line with a long-lived child over pipes.
const { spawn } = require('child_process');
const readline = require('readline');
const child = spawn(process.execPath, ['worker.cjs'], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const ask = async (q) => {
  child.stdin.write(JSON.stringify(q) + '\n');
  return JSON.parse((await lines.next()).value);
};
(async () => {
  console.log(await ask({ op: 'add', args: [1, 2, 3] }));
  console.log(await ask({ op: 'upper', args: ['é'] }));
  console.log(await ask({ op: 'none', args: [] }));
  child.stdin.end();
  child.on('close', (c) => console.log('worker ended', c));
})();
