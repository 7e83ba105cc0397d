// `node --run`: scripts of the nearest package.json, their arguments and environment, and what is said of those that are not there.
const { spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'run-')));
const inner = path.join(root, 'a', 'b');
fs.mkdirSync(inner, { recursive: true });
for (const directory of [root, inner]) fs.mkdirSync(path.join(directory, 'node_modules', '.bin'), { recursive: true });
fs.writeFileSync(path.join(root, 'node_modules', '.bin', 'tool'), '#!/bin/sh\necho "tool $1"\n', { mode: 0o755 });

const run = (cwd, ...args) => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--run', ...args], { cwd, encoding: 'utf8', input: 'typed\n' });
  console.log(args, status, signal, (stdout + stderr).replaceAll(root, 'ROOT'));
};
const write = (value) => fs.writeFileSync(path.join(root, 'package.json'), typeof value === 'string' ? value : JSON.stringify(value));

write({
  name: 'p',
  scripts: {
    show: 'echo "$NODE_RUN_SCRIPT_NAME $NODE_RUN_PACKAGE_JSON_PATH $PWD"',
    path: 'case "$PATH" in */a/b/node_modules/.bin:*/node_modules/.bin:*) echo found;; esac',
    args: 'printf "<%s>"',
    tool: 'tool x',
    input: 'cat',
    fails: 'exit 3',
    killed: 'kill -9 $$',
    number: 1,
  },
});
run(root, 'show');
run(inner, 'show');
run(inner, 'path');
run(root, 'tool', 'ignored');
run(root, 'args', '--', 'plain', 'two words', "it's", '', '$HOME', '"q"', 'a;b', '*', 'a\\b');
run(root, 'input');
run(root, 'fails');
run(root, 'killed');
run(root, 'nope');
run(root, 'number');
run('/', 'show');
write({ name: 'p' });
run(root, 'show');
write('[]');
run(root, 'show');
write('{');
run(root, 'show');
fs.rmSync(root, { recursive: true });
