// The working directory goes away: what process.cwd says then.
const fs = require('node:fs');
const start = process.cwd();
fs.mkdirSync('gone');
process.chdir('gone');
fs.rmdirSync('../gone');
try {
  console.log(process.cwd() === `${start}/gone`);
} catch (e) {
  console.log(e.message, e.code, e.syscall, e.errno);
}
process.chdir('/');
console.log(process.cwd());
