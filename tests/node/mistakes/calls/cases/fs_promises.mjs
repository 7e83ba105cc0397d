import { readFile } from 'node:fs/promises';
await readFile('missing.txt');
