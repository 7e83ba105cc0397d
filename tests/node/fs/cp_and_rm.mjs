// cp copies trees with filters and refusals; rm removes them.
import fs from 'node:fs';
fs.mkdirSync('src/sub', { recursive: true });
fs.writeFileSync('src/a.txt', 'A');
fs.writeFileSync('src/sub/b.txt', 'B');
fs.symlinkSync('a.txt', 'src/link');
const ls = (d) => fs.readdirSync(d, { recursive: true }).sort();
const t = async (f) => {
  try {
    await f();
    console.log('ok');
  } catch (e) {
    console.log(e.code, e.message.replaceAll(process.cwd(), '.'));
  }
};
await t(() => fs.cpSync('src', 'd1'));
await t(() => fs.cpSync('src', 'd1', { recursive: true }));
console.log(ls('d1'));
await t(() => fs.promises.cp('src', 'd2', { recursive: true, filter: (s) => !s.endsWith('b.txt') }));
console.log(ls('d2'));
fs.writeFileSync('d1/a.txt', 'old');
await t(() => fs.cpSync('src/a.txt', 'd1/a.txt', { force: false }));
console.log(fs.readFileSync('d1/a.txt', 'utf8'));
await t(() => fs.cpSync('src/a.txt', 'd1/a.txt', { force: false, errorOnExist: true }));
await t(() => fs.cpSync('src/a.txt', 'd1/a.txt'));
console.log(fs.readFileSync('d1/a.txt', 'utf8'));
await t(() => fs.cpSync('src', 'src/sub/in', { recursive: true }));
await t(() => fs.cpSync('src', 'src/a.txt', { recursive: true }));
await t(() => new Promise((res, rej) => fs.cp('src', 'd3', { recursive: true, dereference: true }, (e) => (e ? rej(e) : res()))));
console.log(fs.lstatSync('d3/link').isFile());
fs.rmSync('d1', { recursive: true, force: true });
await t(() => fs.rmSync('d2'));
await t(() => fs.promises.rm('d2', { recursive: true }));
fs.rmSync('nothing', { force: true });
await t(() => fs.rmSync('nothing'));
console.log(fs.readdirSync('.').filter((n) => n[0] !== 'c'));

// Links that lead into each other's directories, and what is there already.
const here = process.cwd();
fs.mkdirSync('c1/a/b', { recursive: true });
fs.symlinkSync(`${here}/c1/a/b`, 'c1/a/c');
fs.mkdirSync('c2/a', { recursive: true });
fs.symlinkSync(`${here}/c1`, 'c2/a/c');
await t(() => fs.cpSync('c1', 'c2', { recursive: true }));
fs.mkdirSync('c3/x/deep', { recursive: true });
fs.symlinkSync(`${here}/c3/x`, 'c3/l');
fs.mkdirSync('c4/y', { recursive: true });
fs.symlinkSync(`${here}/c3/x/deep`, 'c4/l');
await t(() => fs.cpSync('c3', 'c4', { recursive: true }));
fs.mkdirSync('c5');
fs.writeFileSync('c5/f', '');
fs.mkdirSync('c6');
await t(() => fs.cpSync('c5', 'c6', { recursive: true }));
await t(() => fs.cpSync('c5', 'c6', { recursive: true, force: false, errorOnExist: true }));
await t(() => fs.cpSync('c5', 'c5', { recursive: true }));
await t(() => fs.cpSync('c5', 'c5/new/below'));
await t(() => fs.cpSync('c5/', 'c7'));
