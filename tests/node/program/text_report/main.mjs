// A whole program: reads files of a tree, counts words, writes a report and runs sort.
import fs from 'node:fs/promises';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import readline from 'node:readline';
import { createReadStream } from 'node:fs';
const root = 'tree';
await fs.mkdir(path.join(root, 'sub'), { recursive: true });
await fs.writeFile('tree/a.txt', 'the cat\nthe dog\n');
await fs.writeFile('tree/sub/b.txt', 'a cat sat\nthe end\n');
const counts = new Map();
for await (const e of await fs.opendir(root, { recursive: true })) {
  if (!e.isFile()) continue;
  for await (const line of readline.createInterface({ input: createReadStream(path.join(e.parentPath, e.name)) }))
    for (const w of line.split(' ')) counts.set(w, (counts.get(w) ?? 0) + 1);
}
const report = [...counts].map(([w, n]) => `${n} ${w}`).join('\n');
await fs.writeFile('report', report + '\n');
console.log(execFileSync('sort', ['-k1,1nr', '-k2', 'report'], { encoding: 'utf8' }));
