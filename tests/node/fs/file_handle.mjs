// FileHandle reads, writes, streams and closes.
import fs from 'node:fs/promises';
const h = await fs.open('f', 'w+');
console.log(h.constructor.name, typeof h.fd, await h.write('hello\nworld\n'), await h.write(Buffer.from('JJ'), 0, 1, 0));
const b = Buffer.alloc(8);
console.log(await h.read(b, 0, 5, 0), (await h.read({ buffer: b, position: 6, length: 2 })).bytesRead, b.toString());
console.log((await h.stat()).size, await h.readFile({ encoding: 'utf8' }), await h.truncate(3), (await h.stat()).size);
await h.writev([Buffer.from('1'), Buffer.from('22')], 0);
console.log((await h.readv([Buffer.alloc(2)], 0)).buffers, await h.sync(), await h.chmod(0o600), await h.utimes(5, 6));
await h.appendFile('app');
h.on('close', () => console.log('close event'));
await h.close();
console.log(h.fd);
try {
  await h.read(b);
} catch (e) {
  console.log(e.code, e.message, e.syscall);
}
const r = await fs.open('f');
for await (const line of r.readLines()) console.log('line', line);
await fs.writeFile('f', 'a\nb\n\nc');
const r2 = await fs.open('f');
for await (const l of r2.readLines()) console.log(JSON.stringify(l));
const r3 = await fs.open('f');
let s = '';
for await (const c of r3.createReadStream({ encoding: 'utf8', start: 2 })) s += c;
console.log(JSON.stringify(s));
const w = await fs.open('g', 'w');
const ws = w.createWriteStream();
ws.write('x');
await new Promise((res) => ws.end('y', res));
console.log(await fs.readFile('g', 'utf8'));
{
  await using u = await fs.open('g');
  console.log(typeof u.fd);
}
const web = await fs.open('f');
let n = 0;
for await (const c of web.readableWebStream()) n += c.byteLength;
console.log(n);
await web.close();
