// fs/promises has the same verbs as promises.
import fs from 'node:fs/promises';
import path from 'node:path';
const t = async (f) => {
  try {
    console.log(await f());
  } catch (e) {
    console.log(e.code, e.message);
  }
};
await t(() => fs.writeFile('a', 'one\ntwo\n'));
await t(() => fs.readFile('a', 'utf8'));
await t(() => fs.appendFile('a', 'three'));
await t(async () => (await fs.stat('a')).size);
await t(() => fs.readFile('no'));
await t(() => fs.copyFile('a', 'b'));
await t(() => fs.rename('b', 'c'));
await t(() => fs.mkdir('x/y', { recursive: true }).then((p) => path.basename(p)));
await t(() => fs.mkdir('x'));
await t(() => fs.readdir('.'));
await t(async () =>
  (await fs.readdir('.', { withFileTypes: true })).map((d) => [d.name, d.isDirectory(), d.isFile(), path.basename(d.parentPath) !== '']),
);
await t(() => fs.rmdir('x'));
await t(() => fs.rm('x', { recursive: true }));
await t(() => fs.access('a', fs.constants.R_OK));
await t(() => fs.access('no'));
await t(() => fs.symlink('a', 'l'));
await t(() => fs.readlink('l'));
await t(async () => path.basename(await fs.realpath('l')));
await t(() => fs.link('a', 'h'));
await t(async () => (await fs.lstat('h')).nlink);
await t(() => fs.chmod('a', 0o600));
await t(() => fs.utimes('a', 1, 2));
await t(async () => (await fs.stat('a')).mtimeMs);
await t(() => fs.truncate('a', 3));
await t(() => fs.readFile('a', { encoding: 'utf8' }));
await t(async () => /^d-/.test(await fs.mkdtemp('d-')));
await t(() => fs.unlink('no'));
await t(() =>
  fs.writeFile(
    'gen',
    (function* () {
      yield 'a';
      yield 'b';
    })(),
  ),
);
await t(() => fs.readFile('gen', 'utf8'));
await t(() => fs.readFile('a', { signal: AbortSignal.abort() }));
await t(() => fs.cp('a', 'copy'));
await t(() => fs.rm('no', { force: true }));
await t(() => fs.opendir('no'));
