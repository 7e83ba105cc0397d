// readline asks questions one after the other and prompts.
// stdin: Ada\n42\nmore\n
const readline = require('readline');
const rl = readline.createInterface({ input: process.stdin, output: process.stdout });
rl.question('name? ', (name) =>
  rl.question('age? ', (age) => {
    console.log(`[${name}] [${age}]`);
    rl.setPrompt('> ');
    rl.prompt();
    rl.on('line', (l) => {
      console.log('line', l, rl.getPrompt());
      rl.close();
    });
  }),
);
rl.on('close', () => {
  console.log('closed');
  try {
    rl.question('x', () => {});
  } catch (e) {
    console.log(e.code);
  }
  console.log(readline.clearLine.length, readline.cursorTo.length);
});
