// readline iterates over lines of a stream.
import readline from 'node:readline';
import { Readable } from 'node:stream';
for await (const l of readline.createInterface({ input: Readable.from(['on', 'e\ntw', 'o\n', 'three\u2028x\n']) }))
  console.log(JSON.stringify(l));
const rl = readline.createInterface({ input: Readable.from(['a\nb\nc\n']) });
for await (const l of rl) {
  console.log(l);
  if (l === 'b') break;
}
console.log(rl.terminal);
