// Wrong arguments throw coded TypeErrors before any call is made.
import fs from 'node:fs';
const t = (f) => {
  try {
    f();
    console.log('no error');
  } catch (e) {
    console.log(e.name, e.code, e.message);
  }
};
t(() => fs.readFileSync());
t(() => fs.readFileSync({}));
t(() => fs.readFileSync('a\0b'));
t(() => fs.readFileSync('a', 'nope'));
t(() => fs.writeFileSync('a', 5));
t(() => fs.writeFileSync('a', {}));
t(() => fs.mkdirSync('a', { recursive: 1 }));
t(() => fs.openSync('a', 'r', 'zz'));
t(() => fs.readFile('a'));
t(() => fs.readFile('a', 'utf8', 5));
t(() => fs.statSync(null));
t(() => fs.chmodSync('a'));
t(() => fs.truncateSync('a', 'b'));
t(() => fs.utimesSync('a', 'x', 'y'));
t(() => fs.readFileSync(new URL('http://x/y')));
t(() => fs.symlinkSync('a', 'b', 'bad'));
t(() => fs.accessSync('.', 99));
t(() => fs.createReadStream('a', { start: 5, end: 1 }));
t(() => fs.createReadStream('a', { start: 'x' }));
t(() => fs.rmSync('a', { maxRetries: -1 }));
t(() => fs.readdirSync('.', 'zz'));
t(() => fs.mkdtempSync(5));
t(() => fs.readSync(0, 'x'));
t(() => fs.watch());
t(() => fs.existsSync());
t(() => fs.cpSync('a', 'b', 5));
t(() => fs.readFileSync('a', { flag: 'zz' }));
