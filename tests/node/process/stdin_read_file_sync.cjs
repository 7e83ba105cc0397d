// fs.readFileSync(0) reads all of standard input.
// stdin: sync text\nmore
const fs = require('fs');
console.log(JSON.stringify(fs.readFileSync(0, 'utf8')));
console.log(fs.readFileSync('/dev/stdin').length);
