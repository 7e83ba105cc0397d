// node -e, -p, -, --input-type and --check.
const { spawnSync } = require('child_process');
const run = (args, input) => {
  const r = spawnSync(process.execPath, args, { encoding: 'utf8', input });
  console.log(args.join(' '), '->', r.status, JSON.stringify(r.stdout), r.stderr ? JSON.stringify(r.stderr.replaceAll(process.execPath, 'node').split('\n').slice(0, 5)) : '');
};
run(['-e', 'console.log(1+1, __filename, process.argv.length)']);
run(['-p', '[1,2].map(x=>x*2)']);
run(['-p', '"str"']);
run(['-pe', 'process.argv.slice(1)', 'a', '--b']);
run(['-e', 'console.log(require("path").sep, module.id, typeof require.main)']);
run(['--eval', 'var x = 5; console.log(this.x === globalThis.x)']);
run(['-'], 'console.log("from stdin", __filename)');
run([], 'console.log("implicit stdin")');
run(['-', 'arg1'], 'console.log(process.argv.slice(2))');
run(['--input-type=module', '-e', 'import os from "os"; console.log(typeof os, import.meta.url.slice(0,5))']);
run(['--input-type=module'], 'console.log(await 5)');
run(['-e', 'await 1; console.log("tla detected")']);
run(['-e', 'import fs from "fs"; console.log(typeof fs)']);
run(['-p', 'undefined']);
run(['-p', '({a:1})']);
run(['-e', '']);
run(['-v']);
run(['--version']);
run(['-p', 'process.version']);
run(['-e']);
run(['--nope']);
run(['-p', 'await 5'], '');
run(['--input-type=bad', '-e', '1']);
