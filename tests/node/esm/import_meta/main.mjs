// import.meta has url, filename, dirname, resolve and main.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import other from './other.mjs';
console.log(
  import.meta.url === 'file://' + encodeURI(process.argv[1]),
  import.meta.filename === fileURLToPath(import.meta.url),
  import.meta.dirname === path.dirname(import.meta.filename),
  import.meta.resolve('./x.mjs').endsWith('/x.mjs'),
  import.meta.resolve('fs'),
  import.meta.main,
  other,
);
console.log(Object.keys(import.meta), Object.getPrototypeOf(import.meta));
const require = createRequire(import.meta.url);
console.log(require('./data.json'));
try {
  console.log(import.meta.resolve('not-a-package'));
} catch (e) {
  console.log(e.code);
}
