// Symbolic and hard links, realpath and access.
import fs from 'node:fs';
import path from 'node:path';
fs.mkdirSync('a/b', { recursive: true });
fs.writeFileSync('a/b/f', 'content');
fs.symlinkSync('a/b', 'dirlink', 'dir');
fs.symlinkSync('../b/f', 'a/b/rel');
fs.symlinkSync('nowhere', 'dangling');
const rel = (p) => path.relative(process.cwd(), p);
console.log(
  fs.readFileSync('dirlink/f', 'utf8'),
  fs.readFileSync('a/b/rel', 'utf8'),
  fs.readlinkSync('dirlink'),
  fs.readlinkSync('a/b/rel', 'buffer'),
  rel(fs.realpathSync('dirlink/rel')),
  rel(fs.realpathSync.native('dirlink/rel')),
  fs.existsSync('dangling'),
);
for (const m of ['F_OK', 'R_OK', 'W_OK']) console.log(m, fs.accessSync('a/b/f', fs.constants[m]));
fs.chmodSync('a/b/f', 0o600);
try {
  fs.accessSync('a/b/f', fs.constants.X_OK);
  console.log('x');
} catch (e) {
  console.log(e.code);
}
fs.renameSync('dirlink', 'moved');
console.log(fs.lstatSync('moved').isSymbolicLink());
fs.unlinkSync('moved');
console.log(fs.existsSync('a/b/f'));
fs.rmSync('dangling');
fs.renameSync('a/b/f', 'top');
fs.renameSync('top', 'a/b/rel');
console.log(fs.lstatSync('a/b/rel').isFile(), fs.readdirSync('.'));
fs.linkSync('a/b/rel', 'hard');
fs.writeFileSync('hard', 'changed');
console.log(fs.readFileSync('a/b/rel', 'utf8'));
fs.writeFileSync('unlinked', 'still');
const fd = fs.openSync('unlinked');
fs.unlinkSync('unlinked');
console.log(fs.readFileSync(fd, 'utf8'), fs.fstatSync(fd).nlink);
fs.closeSync(fd);
