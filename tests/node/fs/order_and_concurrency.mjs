// A hundred asynchronous operations at once all complete.
import fs from 'node:fs/promises';
await fs.mkdir('d');
await Promise.all(Array.from({ length: 100 }, (_, i) => fs.writeFile(`d/${i}`, String(i))));
const texts = await Promise.all((await fs.readdir('d')).map((n) => fs.readFile(`d/${n}`, 'utf8')));
console.log(
  texts.length,
  texts.map(Number).reduce((a, b) => a + b),
);
const h = await fs.open('one', 'w');
await Promise.all([0, 1, 2, 3].map((i) => h.write(String(i), i)));
await h.close();
console.log(await fs.readFile('one', 'utf8'));
await Promise.all((await fs.readdir('d')).map((n) => fs.unlink(`d/${n}`)));
console.log((await fs.readdir('d')).length);
const r = await Promise.allSettled([fs.readFile('none'), fs.stat('one'), fs.rmdir('one')]);
console.log(r.map((x) => x.status + (x.reason?.code ?? '')));
