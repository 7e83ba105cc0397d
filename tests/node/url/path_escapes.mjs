// What pathToFileURL escapes, on both kinds of paths, and what it refuses.
import { fileURLToPath, pathToFileURL } from 'node:url';

for (const [windows, before] of [[false, '/a'], [true, 'C:\\a']]) {
  let line = '';
  for (let code = 1; code < 0x200; code++) {
    const char = String.fromCharCode(code);
    const url = pathToFileURL(`${before}${char}b`, { windows });
    line += url.href.slice(8);
    if (!'./\\'.includes(char) && fileURLToPath(url, { windows }) !== `${before}${char}b`) line += '!';
  }
  console.log(line);
}
for (const path of ['\\\\host\\share', '\\\\?\\UNC\\host\\share\\x', '\\\\?\\C:\\x', '\\\\ho:st\\x', '\\\\ho st\\x', '\\\\ho#st\\x', '\\\\\\x', '\\\\host', 'C:\\[x]~|^', '/x']) {
  try {
    console.log(path, pathToFileURL(path, { windows: true }).href);
  } catch ({ code }) {
    console.log(path, code);
  }
}
