// Options that environment variables stand for, and code from strings that is not to be.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

function run(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
  console.log(status, JSON.stringify(stdout), JSON.stringify(stderr.replaceAll(/node:\d+/g, 'node:PID')));
}
const assign = 'process.env.A = "a"; process.env.B = 1; process.env.C = undefined; process.env.D = null; console.log(process.env.C, process.env.D)';
run(['-e', assign]);
run(['-e', assign], { NODE_PENDING_DEPRECATION: '1' });
run(['--no-pending-deprecation', '-e', assign], { NODE_PENDING_DEPRECATION: '1' });
run(['-e', assign], { NODE_PENDING_DEPRECATION: 'yes' });
run(['-e', 'process.emitWarning("to a file")'], { NODE_REDIRECT_WARNINGS: 'warnings' });
console.log(JSON.stringify(readFileSync('warnings', 'utf8').replace(/node:\d+/, 'node:PID')));
const evaluate = 'for (const make of [() => eval("1"), () => new Function("return 1")()]) { try { console.log(make()) } catch (error) { console.log(error.name, error.message) } }';
run(['-e', evaluate]);
run(['--disallow-code-generation-from-strings', '-e', evaluate]);

// Where it blocks the loop, and where it exits.
const shown = (stderr) => stderr.replaceAll(/node:\d+/g, 'node:PID').split('\n').filter((line) => /WARNING|at (deep|statSync|Immediate)/.test(line)).map((line) => line.replace(/ \(.*/, ''));
const look = (args) => console.log(shown(spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr));
look(['--trace-sync-io', '-e', 'fs.statSync("."); setImmediate(() => fs.statSync("."))']);
for (const limit of [3, 50]) look(['--trace-exit', `--stack-trace-limit=${limit}`, '-e', 'function deep(n) { if (n) deep(n - 1); else process.exit() } deep(15)']);
const script = `"${process.execPath}" -p '[0, 1, 2].map((fd) => fs.fstatSync(fd).isCharacterDevice())' 1>&3 3>&- 0<&- 2>&-`;
console.log(spawnSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], encoding: 'utf8' }).output[3]);
