// flags: --permission --allow-fs-read=*
// Optimised code asks for permission, too: what is taken away is refused at once.
import { existsSync } from 'node:fs';

const exists = (path) => existsSync(path);
let found = 0;
for (let round = 0; round < 20_000; round++) if (exists('/tmp')) found++;
console.log(found);
process.permission.drop('fs.read');
for (let round = 0; round < 2; round++) {
  try {
    console.log(exists('/tmp'));
  } catch ({ code, permission }) {
    console.log(code, permission);
  }
}
