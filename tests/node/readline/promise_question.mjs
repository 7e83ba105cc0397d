// A question of readline/promises is answered, aborted, and refused after close.
// stdin: Ada\n
import readline from 'node:readline/promises';
const rl = readline.createInterface({ input: process.stdin, output: process.stdout });
console.log(`[${await rl.question('name? ')}]`);
console.log(await rl.question('later? ', { signal: AbortSignal.abort() }).catch((e) => e.name));
rl.close();
console.log(await rl.question('x').catch((e) => e.code));
