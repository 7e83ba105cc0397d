// Exit statuses of children: codes, strings, errors, syntax errors and signals.
const { spawnSync } = require('child_process');
const run = (code, ...flags) => {
  const r = spawnSync(process.execPath, [...flags, '-e', code], { encoding: 'utf8' });
  return [r.status, r.signal];
};
console.log(
  run('process.exit(5)'),
  run('process.exit()'),
  run('process.exitCode=7'),
  run('process.exit(256)'),
  run('process.exit(-1)'),
  run('process.exitCode="8"'),
  run('throw 1'),
  run('syntax error'),
  run('Promise.reject(1)'),
  run('process.abort', '--no-warnings'),
);
console.log(
  run('process.kill(process.pid)'),
  run('process.kill(process.pid, "SIGKILL")'),
  run('process.on("exit", () => { throw new Error("x") })'),
  run('await 1; process.exit(9)', '--input-type=module'),
  run('await new Promise(() => {})', '--input-type=module'),
  run('process.exitCode=1; process.exit(0)'),
);
try {
  process.exitCode = 1.5;
} catch (e) {
  console.log(e.code);
}
try {
  process.exitCode = {};
} catch (e) {
  console.log(e.code, e.message);
}
console.log(process.exitCode);
