// File names as buffers, fs.constants, Dirent, and glob.
import fs from 'node:fs';
fs.writeFileSync(Buffer.from([0x66, 0xff, 0x66]), 'raw');
console.log(
  fs.readdirSync(Buffer.from('.'), 'buffer').filter((b) => b[0] === 0x66 && b.length === 3),
  fs.readFileSync(Buffer.from([0x66, 0xff, 0x66]), 'utf8'),
);
const want = [
  'F_OK',
  'R_OK',
  'W_OK',
  'X_OK',
  'O_RDONLY',
  'O_WRONLY',
  'O_RDWR',
  'O_CREAT',
  'O_EXCL',
  'O_TRUNC',
  'O_APPEND',
  'O_DIRECTORY',
  'O_NOFOLLOW',
  'O_SYNC',
  'O_NONBLOCK',
  'S_IFMT',
  'S_IFREG',
  'S_IFDIR',
  'S_IFLNK',
  'S_IRWXU',
  'COPYFILE_EXCL',
  'UV_FS_COPYFILE_EXCL',
];
console.log(want.map((k) => k + '=' + fs.constants[k]).join(' '));
fs.mkdirSync('g/h', { recursive: true });
for (const n of ['g/a.js', 'g/b.ts', 'g/h/c.js']) fs.writeFileSync(n, '');
console.log(fs.globSync('g/**/*.js').sort(), fs.globSync('*/*.ts'), fs.globSync('g/*', { exclude: (n) => n.endsWith('.ts') }).sort());
fs.writeFileSync('ünïcode ☃', 'x');
console.log(fs.readdirSync('.').includes('ünïcode ☃'));
console.log(
  Object.getPrototypeOf(fs.readdirSync('.', { withFileTypes: true })[0]).constructor.name,
  fs.promises.constants === fs.constants,
  fs.Stats.name,
  fs.WriteStream.name,
);
