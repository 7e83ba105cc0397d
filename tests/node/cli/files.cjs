// node runs files by name, with or without extension, and reports missing ones.
const { spawnSync } = require('child_process');
const fs = require('fs');
fs.writeFileSync('plain.js', 'console.log("plain", require.main === module)');
fs.writeFileSync('noext', 'console.log("noext", typeof require)');
fs.writeFileSync('esm.mjs', 'console.log("esm", typeof require)');
fs.mkdirSync('dir');
fs.writeFileSync('dir/index.js', 'console.log("dir index", process.argv.slice(2))');
fs.writeFileSync('esmjs.js', 'export {}; console.log("detected", import.meta.filename.endsWith("esmjs.js"))');
fs.writeFileSync('bad.js', 'let x = ;');
fs.writeFileSync('hashbang.js', '#!/usr/bin/env node\nconsole.log("hashbang")');
fs.writeFileSync('pre.cjs', 'console.log("preloaded")');
fs.writeFileSync('imp.mjs', 'console.log("imported")');
fs.writeFileSync('data.json', '{"a":1}');
fs.writeFileSync('.env', 'A=from file\n# c\nB="q u"\n');
const run = (...args) => {
  const r = spawnSync(process.execPath, args, { encoding: 'utf8' });
  console.log(
    args.join(' '),
    '->',
    r.status,
    JSON.stringify(r.stdout),
    r.stderr
      ? JSON.stringify(
          r.stderr
            .replaceAll(process.execPath, 'node').replaceAll(process.cwd(), '.')
            .split('\n')
            .filter((l) => !/^\s+at |^Node/.test(l))
            .slice(0, 7),
        )
      : '',
  );
};
run('plain.js');
run('./plain');
run('noext');
run('esm.mjs');
run('dir', 'a', 'b');
run('esmjs.js');
run('bad.js');
run('hashbang.js');
run('missing.js');
run('-r', './pre.cjs', 'plain.js');
run('--import', './imp.mjs', 'plain.js');
run('--check', 'bad.js');
run('-c', 'plain.js');
run('--env-file=.env', '-p', 'process.env.A + process.env.B');
run('--env-file=none.env', '-p', '1');
run('esm');
run('data.json');
