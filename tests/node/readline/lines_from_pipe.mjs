// readline splits a pipe into lines, of every ending.
// stdin: first\nsecond\r\nthird\n\nlast without end
import readline from 'node:readline';
const rl = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
rl.on('line', (l) => console.log(JSON.stringify(l)));
rl.on('close', () => console.log('close', rl.closed ?? 'n/a'));
rl.on('pause', () => console.log('pause'));
