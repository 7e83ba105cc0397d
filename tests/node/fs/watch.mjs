// fs.watch on a directory and fs.watchFile on a file that appears, changes and goes.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'watch-'));
const watcher = fs.watch(directory);
const told = once(watcher, 'change');
fs.writeFileSync(path.join(directory, 'new'), 'x');
console.log(await told);
watcher.close();
await once(watcher, 'close');
console.log('closed');

try {
  fs.watch(path.join(directory, 'missing'));
} catch (error) {
  console.log(error.code, error.syscall, error.message.replace(directory, ''));
}

const file = path.join(directory, 'polled');
const seen = [];
await new Promise((resolve) => {
  fs.watchFile(file, { interval: 20 }, (now, before) => {
    seen.push([before.size, now.size, now.mtimeMs === 0]);
    if (seen.length === 1) fs.writeFileSync(file, 'hello');
    if (seen.length === 2) fs.rmSync(file);
    if (seen.length === 3) {
      fs.unwatchFile(file);
      resolve();
    }
  });
});
console.log(seen);

const stop = new AbortController();
const events = fs.promises.watch(directory, { signal: stop.signal });
setTimeout(() => fs.writeFileSync(path.join(directory, 'later'), ''), 10);
try {
  for await (const { eventType, filename } of events) {
    console.log(eventType, filename);
    stop.abort();
  }
} catch (error) {
  console.log(error.name);
}
fs.rmSync(directory, { recursive: true });
