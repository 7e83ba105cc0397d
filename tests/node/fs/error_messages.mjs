// Each verb's error names code, number, call, path and destination.
import fs from 'node:fs';
fs.mkdirSync('dir');
fs.writeFileSync('dir/file', '');
fs.symlinkSync('loop', 'loop');
const t = (name, ...args) => {
  try {
    fs[name](...args);
    console.log(name, 'no error');
  } catch (e) {
    console.log(name, e.name, e.code, e.errno, e.syscall, e.path, e.dest, '|', e.message, Object.keys(e));
  }
};
t('readFileSync', 'no');
t('readFileSync', 'dir');
t('writeFileSync', 'no/x', '');
t('writeFileSync', 'dir', '');
t('openSync', 'dir/file/x');
t('statSync', 'no');
t('lstatSync', 'no');
t('readdirSync', 'no');
t('readdirSync', 'dir/file');
t('mkdirSync', 'dir');
t('mkdirSync', 'a/b');
t('mkdirSync', 'dir/file/x', { recursive: true });
t('rmdirSync', 'dir');
t('rmdirSync', 'no');
t('rmdirSync', 'dir/file');
t('unlinkSync', 'no');
t('renameSync', 'no', 'x');
t('renameSync', 'dir', 'dir/sub');
t('renameSync', 'dir/file', 'dir');
t('copyFileSync', 'no', 'x');
t('linkSync', 'no', 'x');
t('linkSync', 'dir/file', 'dir/file');
t('symlinkSync', 'x', 'dir');
t('readlinkSync', 'dir/file');
t('readlinkSync', 'no');
t('realpathSync', 'no');
t('accessSync', 'no');
t('chmodSync', 'no', 0o600);
t('utimesSync', 'no', 1, 1);
t('truncateSync', 'no');
t('statSync', 'loop');
t('readFileSync', 'x'.repeat(300));
t('opendirSync', 'no');
t('mkdtempSync', 'no/x');
t('rmSync', 'no');
t('rmSync', 'dir');
t('cpSync', 'no', 'y');
t('chownSync', 'no', 0, 0);
t('appendFileSync', 'dir', 'x');
t('truncateSync', 'dir', 0);
