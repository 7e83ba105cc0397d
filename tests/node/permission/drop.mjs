// Without --permission there is nothing to ask; with it, only what is granted may be read.
import { spawnSync } from 'node:child_process';

console.log(process.permission);
const child = (...args) => spawnSync(process.execPath, [...args, '-e', `
  const { permission } = process;
  console.log(permission.has('fs.read'), permission.has('fs.write', '/tmp/x'), permission.has('child'));
  try { require('fs').writeFileSync('/tmp/x', ''); } catch ({ code, permission }) { console.log(code, permission); }
  try { require('child_process').spawnSync('true'); } catch ({ code, permission }) { console.log(code, permission); }
  permission.drop('fs.read');
  console.log(permission.has('fs.read'));
`], { encoding: 'utf8' });
console.log(child('--permission', '--allow-fs-read=*').stdout);
