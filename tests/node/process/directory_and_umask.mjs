// cwd, chdir and umask act on the process.
import fs from 'node:fs';
import path from 'node:path';
const start = process.cwd();
fs.mkdirSync('sub/deep', { recursive: true });
process.chdir('sub');
console.log(path.relative(start, process.cwd()));
fs.writeFileSync('here', 'x');
console.log(fs.existsSync(path.join(start, 'sub/here')));
process.chdir('deep');
process.chdir('../..');
console.log(process.cwd() === start);
try {
  process.chdir('missing');
} catch (e) {
  console.log(e.code, e.syscall, e.message.replace(start, '.'), e.dest);
}
try {
  process.chdir('sub/here');
} catch (e) {
  console.log(e.code);
}
try {
  process.chdir(5);
} catch (e) {
  console.log(e.code, e.message);
}
console.log(process.umask().toString(8), process.umask(0o077).toString(8), process.umask().toString(8));
fs.writeFileSync('private', '');
fs.mkdirSync('pdir');
console.log((fs.statSync('private').mode & 0o777).toString(8), (fs.statSync('pdir').mode & 0o777).toString(8));
process.umask('022');
console.log(process.umask());
try {
  process.umask('x');
} catch (e) {
  console.log(e.code);
}
