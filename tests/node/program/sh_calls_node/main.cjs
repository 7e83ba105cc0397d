// A whole program: node runs sh, which runs node, which runs sh.
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
fs.writeFileSync(
  'job.sh',
  '#!/bin/sh\nset -e\nfor n in 1 2 3; do\n  node -e "process.stdout.write(String($n ** 2) + \'\\n\')"\ndone | while read -r x; do echo "square $x"; done\nnode -e \'console.log(require("child_process").execSync("echo deepest | tr a-z A-Z", {encoding:"utf8"}).trim())\'\nexit 5\n',
  { mode: 0o755 },
);
const r = spawnSync('./job.sh', { encoding: 'utf8' });
console.log(r.stdout, r.stderr, r.status);
fs.writeFileSync('tool.mjs', '#!/usr/bin/env node\nconsole.log("tool", process.argv.slice(2).join("|"))\n', { mode: 0o755 });
console.log(
  execFileSync('./tool.mjs', ['a b', 'c'], { encoding: 'utf8' }),
  execFileSync('sh', ['-c', './tool.mjs x | cat'], { encoding: 'utf8' }),
);
