// A top-level await that nothing settles: status 13, and on standard error which line waits, before `exit` is emitted.
import { spawnSync } from 'node:child_process';
import process from 'node:process';

if (process.argv[2] === 'code') process.exitCode = 3;
if (process.argv[2]) await import(`./${process.argv[2]}.mjs`);
else
  for (const name of ['waits', 'imports', 'code']) {
    const { status, stderr } = spawnSync(process.execPath, [process.argv[1], name], { encoding: 'utf8' });
    console.log(name, status, stderr.replace(/file:.*\//g, ''));
  }
process.on('exit', (code) => console.error('exit', code));
await new Promise((resolve) => process.argv[2] || resolve());
