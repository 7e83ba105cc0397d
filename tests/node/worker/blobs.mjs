// Blobs: slices, streams, copies in messages, URLs, files behind them.
import { Blob, resolveObjectURL } from 'node:buffer';
import { openAsBlob, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

const blob = new Blob(['hello ', new Uint8Array([119, 111]), new Blob(['rld'])], { type: 'text/plain' });
console.log(blob.size, blob.type, await blob.text(), await blob.slice(3, -2).text(), await blob.slice(-3).text());
console.log(new Uint8Array(await blob.slice(4, 8).arrayBuffer()));
let streamed = '';
for await (const chunk of blob.stream()) streamed += Buffer.from(chunk).toString();
console.log(streamed);
const clone = structuredClone(blob);
console.log(clone instanceof Blob, clone.type, await clone.text());
const url = URL.createObjectURL(blob);
console.log(await resolveObjectURL(url).text());
URL.revokeObjectURL(url);
console.log(resolveObjectURL(url));
const file = new File(['abc'], 'name.txt', { lastModified: 5 });
console.log(file.name, file.lastModified, file.size, structuredClone(file).name);
const dir = mkdtempSync(join(tmpdir(), 'blob-'));
const path = join(dir, 'data');
writeFileSync(path, 'x'.repeat(100_000) + 'end');
const onDisk = await openAsBlob(path);
console.log(onDisk.size, (await onDisk.text()).length, await onDisk.slice(-3).text());
writeFileSync(path, 'changed');
await onDisk.text().catch((e) => console.log(e.name));
rmSync(dir, { recursive: true });
