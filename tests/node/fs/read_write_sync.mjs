// The synchronous verbs read, write, append and copy whole files.
import fs from 'node:fs';
fs.writeFileSync('a', 'text é\n');
console.log(fs.readFileSync('a', 'utf8'), fs.readFileSync('a'), fs.readFileSync('a', { encoding: 'hex' }));
fs.appendFileSync('a', 'more');
fs.writeFileSync('a', 'X', { flag: 'a' });
console.log(fs.readFileSync('a', 'latin1'));
fs.writeFileSync('b', Buffer.from([1, 2, 255]));
fs.writeFileSync('c', new Uint16Array([1, 258]));
fs.writeFileSync('d', '68656c6c6f', 'hex');
console.log(fs.readFileSync('b'), fs.readFileSync('c'), fs.readFileSync('d', 'utf8'));
fs.copyFileSync('a', 'e');
console.log(fs.readFileSync('e', 'utf8') === fs.readFileSync('a', 'utf8'));
try {
  fs.copyFileSync('a', 'b', fs.constants.COPYFILE_EXCL);
} catch (e) {
  console.log(e.code, e.message);
}
fs.truncateSync('a', 4);
console.log(JSON.stringify(fs.readFileSync('a', 'utf8')));
fs.truncateSync('a', 6);
console.log(fs.readFileSync('a'));
fs.writeFileSync('mode', '', { mode: 0o600 });
console.log((fs.statSync('mode').mode & 0o777).toString(8));
console.log(fs.existsSync('a'), fs.existsSync('no'), fs.existsSync(''), fs.existsSync(5));
fs.writeFileSync(new URL('viaurl', import.meta.url), 'u');
console.log(fs.readFileSync(Buffer.from('viaurl'), 'utf8'));
fs.unlinkSync('b');
fs.rmSync('c');
console.log(fs.readdirSync('.'));
