// NODE_OPTIONS, NODE_PATH and NODE_NO_WARNINGS are honoured.
const { spawnSync } = require('child_process');
const fs = require('fs');
fs.mkdirSync('lib');
fs.writeFileSync('lib/onpath.js', 'module.exports = "found on NODE_PATH"');
fs.writeFileSync('p.cjs', 'console.log("pre")');
const run = (env, ...args) => {
  const r = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  console.log(
    r.status,
    JSON.stringify(r.stdout),
    JSON.stringify(
      r.stderr
        .replace(/node:\d+/, 'node:PID')
        .replaceAll(process.execPath, 'node').replaceAll(process.cwd(), '.')
        .split('\n')
        .slice(0, 2),
    ),
  );
};
run({ NODE_PATH: process.cwd() + '/lib' }, '-p', 'require("onpath")');
run({ NODE_OPTIONS: '--require ./p.cjs' }, '-e', 'console.log(process.execArgv)');
run({ NODE_OPTIONS: '--no-warnings' }, '-e', 'process.emitWarning("x")');
run({ NODE_NO_WARNINGS: '1' }, '-e', 'process.emitWarning("x")');
run({ NODE_OPTIONS: '--bad-flag' }, '-p', '1');
run({ NODE_OPTIONS: '--stack-trace-limit=2' }, '-p', 'Error.stackTraceLimit');
run({ NODE_ENV: 'production' }, '-p', 'process.env.NODE_ENV');
